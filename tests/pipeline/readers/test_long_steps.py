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


def spans(answer):
    return [(TEXT[e.start : e.end].strip(), e.passage) for e in answer.evidence]


def test_evidence_is_what_was_kept_of_the_document(make_example):
    [answer] = LongReader(ScriptedLLM({"": "yes"}), steps=[LexicalPruner()])(
        [make_example("1", "When did Ann meet Bob?", TEXT)]
    )
    assert spans(answer) == [("Ann met Bob in May.", (0, len(TEXT)))]


def test_what_the_window_cut_is_no_evidence(make_example):
    llm = ScriptedLLM({"": "yes"}, window=480)
    text = " ".join(f"Ann met Bob {i} times." for i in range(60))
    reader = LongReader(llm, steps=[LexicalPruner()], chunker=SentenceChunker(size=40), overflow="middle")
    [answer] = reader([make_example("1", "When did Ann meet Bob?", text)])
    [call] = llm.calls
    assert answer.usage.cut_tokens > 0
    assert answer.evidence[0].start == 0
    assert answer.evidence[-1].end == len(text)
    assert all(text[e.start : e.end] in call.prompts[0].prefix for e in answer.evidence)
    assert sum(e.end - e.start for e in answer.evidence) < 0.8 * len(text)


def test_without_steps_the_whole_document_is_read_and_named_nowhere(make_example):
    [answer] = LongReader(ScriptedLLM({"": "yes"}))([make_example("1", "Who?", TEXT)])
    assert answer.evidence == ()
