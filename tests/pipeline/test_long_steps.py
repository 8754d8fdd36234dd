"""Long context over the pruned document."""

from rlc.chunkers import SentenceChunker
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.long import LongReader
from rlc.retrievers.prune.lexical import LexicalPruner
from rlc.retrievers.rerank.base import Reranker

TEXT = "Ann met Bob in May. It rained all day. The ferry sank at noon."


class Backwards(Reranker):
    def scores(self, query, texts):
        import numpy as np

        return np.arange(len(texts), dtype=np.float32)


def asked(llm):
    return [prompt.prefix for call in llm.calls for prompt in call.prompts]


def test_the_document_is_pruned_for_each_question(make_example):
    llm = ScriptedLLM({"": "yes"})
    examples = [
        make_example("1", "When did Ann meet Bob?", TEXT),
        make_example("2", "Where is the ferry?", TEXT),
    ]
    answers = LongReader(llm, steps=[LexicalPruner()])(examples)
    first, second = asked(llm)
    assert "Ann met Bob in May." in first
    assert "ferry" not in first
    assert "ferry sank" in second
    assert "Ann" not in second
    assert [answer.usage.cached_tokens for answer in answers] == [0, 0]  # the shared prefix is lost
    assert all(answer.usage.retrieve_seconds > 0 for answer in answers)


def test_without_steps_the_prefix_is_shared(make_example):
    llm = ScriptedLLM({"": "yes"})
    answers = LongReader(llm)([make_example("1", "Who?", TEXT), make_example("2", "What?", TEXT)])
    assert len(set(asked(llm))) == 1
    assert answers[1].usage.cached_tokens > 0


def test_passages_are_read_in_the_documents_order(make_example):
    llm = ScriptedLLM({"": "yes"})
    LongReader(llm, steps=[Backwards()], chunker=SentenceChunker(size=8))([make_example("1", "Who?", TEXT)])
    [prefix] = asked(llm)
    assert prefix.index("Ann") < prefix.index("rained") < prefix.index("ferry")


def test_nothing_kept_is_an_empty_document(make_example):
    llm = ScriptedLLM({"": "no"})
    [answer] = LongReader(llm, steps=[LexicalPruner(threshold=1)])([make_example("1", "Who?", TEXT)])
    assert (answer.text, answer.error) == ("no", None)
    assert "Ann" not in asked(llm)[0]
