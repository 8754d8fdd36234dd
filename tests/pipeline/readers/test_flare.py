"""FLARE by hand: a sentence that stands, one that is searched for without what is unlikely, and the answer."""

from itertools import pairwise

import numpy as np
import pytest

from rlc.chunkers import SentenceChunker
from rlc.data.errors import UnsupportedError
from rlc.data.protocols import Generation, TokenLogprobs
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.flare import Flare, query_for
from rlc.pipeline.readers.support.searching import Searcher
from rlc.retrievers import BM25Retriever

PARTS = ["The lighthouse stands near Hull. ", "Its keeper was Ann Smith. ", "Bread was dear that year."]
TEXT = "".join(PARTS)
SEARCH = Searcher(SentenceChunker(size=8), BM25Retriever.from_documents)


def told(text, **chances):
    """A text whose words are tokens, as likely as is said, else certain."""
    words = text.split(" ")
    borders = np.cumsum([0, *(len(word) + 1 for word in words)]).tolist()
    borders[-1] = len(text)
    values = np.log([chances.get(word, 1.0) for word in words]).astype(np.float32)
    return Generation(text, logprobs=TokenLogprobs(list(pairwise(borders)), values))


def script(prompt):
    if not prompt.reply:
        return told("The lighthouse is near Hull. Its keeper was Bob.", Bob=0.1)
    if prompt.reply.endswith("Hull."):
        if "Ann Smith" in prompt.prefix:
            return told("Its keeper was Ann. So on")
        return told("Its keeper was Bob Jones. Then", **{"keeper": 0.7, "Bob": 0.1, "Jones.": 0.3})
    return told("So the final answer is: Ann.", Ann=0.9)


def reader(script=script, **settings):
    return Flare(SEARCH, ScriptedLLM(script), passages=1, **settings)


def test_what_it_is_not_sure_of_is_searched_for_and_written_anew(make_example):
    flare = reader()
    [answer] = flare([make_example("1", "Where is the lighthouse, who kept it?", TEXT)])
    assert (answer.error, answer.text) == (None, "Ann.")
    assert [step.name for step in answer.steps] == ["search", "ahead", "ahead", "search", "rewrite", "ahead"]
    assert [step.text for step in answer.steps if step.kind == "search"] == [
        "Where is the lighthouse, who kept it?", "Its keeper was",
    ]  # fmt: skip
    replies = [call.prompts[0].reply for call in flare.llm.calls]
    first = "The lighthouse is near Hull."
    assert replies == ["", first, first, f"{first} Its keeper was Ann."]
    assert [TEXT[one.start : one.end] for one in answer.evidence] == PARTS[:2]
    assert (answer.usage.calls, answer.usage.rounds) == (4, 4)
    assert [call.logprobs for call in flare.llm.calls] == [True, True, False, True]


def test_the_query_is_what_is_likely_of_the_first_sentence():
    said = told("Its keeper was Bob. Then came a xylophone.", was=0.5, xylophone=0.01)
    assert query_for(said.text, said.logprobs, 0.8, 0.4) == "Its keeper was Bob."
    assert query_for(said.text, said.logprobs, 0.8, 0.6) == "Its keeper Bob."
    assert query_for(said.text, said.logprobs, 0.5, 0.4) is None, "sure enough, whatever comes after"
    assert query_for("Bob .", told("Bob .", Bob=0.1).logprobs, 0.8, 0.4) == "", "no word is likely"
    assert query_for("", told("").logprobs, 0.8, 0.4) is None


def test_where_no_word_is_likely_the_question_is_searched_for_again(make_example):
    [answer] = reader(lambda prompt: told("Bob", Bob=0.1))([make_example("1", "Who was the keeper?", TEXT)])
    queries = [step.text for step in answer.steps if step.kind == "search"]
    assert queries == ["Who was the keeper?"] * 2
    assert (answer.text, answer.usage.calls) == ("Bob", 1), "with the same passages it would say the same"


@pytest.mark.parametrize(
    ("settings", "calls"), [({"sentences": 3}, 3), ({"total_tokens": 9, "ahead_tokens": 6}, 3)]
)
def test_what_goes_on_for_ever_is_ended(make_example, settings, calls):
    [answer] = reader(lambda prompt: told("He was sure. And he"), **settings)(
        [make_example("1", "Who was sure?", TEXT)]
    )
    assert answer.usage.calls == calls
    assert answer.text.startswith("He was sure. He was sure.")


def test_refusals(make_example):
    example = make_example("1", "Where is the lighthouse?", TEXT)
    with pytest.raises(UnsupportedError, match="no log-probabilities"):
        reader(lambda prompt: "He was sure.")([example])
    [answer] = reader()([make_example("1", "zzz", TEXT)])
    assert answer.error.startswith("NothingRetrieved")
    with pytest.raises(ValueError, match=r"likely=0\.9, sure=0\.8"):
        reader(likely=0.9)
    with pytest.raises(ValueError, match="at least 1 passage"):
        reader(sentences=0)
