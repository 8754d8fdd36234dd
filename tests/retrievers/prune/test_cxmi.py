import numpy as np
import pytest
from langchain_core.documents import Document

from rlc.data.errors import DataError, EngineError
from rlc.data.prompt_files import read_prompts
from rlc.data.protocols import Generation, TokenLogprobs
from rlc.data.tokens import ApproximateTokenizer
from rlc.pipeline.llms.hf import HfLLM
from rlc.retrievers.prune.cxmi import CxmiPruner, draft_prompt, worths

TEXT = "Ann built the ferry. It rained. Bob slept."
QUERY = "Who built the ferry?"


class Believer:
    """An engine by hand: an answer has log-probability -1 behind a text that names it, else -3."""

    name, window, tokenizer = "believer", 200, ApproximateTokenizer()

    def __init__(self, draft="Ann", error=None):
        self.draft, self.error, self.drafted = draft, error, 0

    def count(self, prompt):
        return len(prompt.prefix.split())

    def generate(self, prompts, **_):
        self.drafted += len(prompts)
        return [Generation(self.draft, error=self.error) for _ in prompts]

    def logprobs(self, contexts, texts):
        values = [
            -1.0 if text.strip() in context else -3.0 for context, text in zip(contexts, texts, strict=True)
        ]
        return [TokenLogprobs([(0, 1)], np.array([value], np.float32)) for value in values]


def pruned(llm, **settings):
    found = CxmiPruner(llm=llm, **settings).refine([Document(page_content=TEXT)], QUERY)
    return [document.page_content for document in found]


def test_worth_by_hand():
    found = worths(Believer(), QUERY, "Ann", ["Ann built it.", "It rained."])
    ratio = np.exp(-1 + 3)
    assert found.tolist() == pytest.approx([ratio / (1 + ratio), 0.5])


def test_what_speaks_for_the_draft_stays():
    assert pruned(Believer("Ann")) == ["Ann built the ferry. "]
    assert pruned(Believer("Bob")) == ["Bob slept."], "a wrong draft keeps what speaks for it"
    assert pruned(Believer("Eve")) == []


def test_a_given_answer_needs_no_draft():
    llm = Believer("Ann")
    assert pruned(llm, answers={QUERY: "Bob"}) == ["Bob slept."]
    assert llm.drafted == 0


def test_many_questions_each_with_its_own_answer():
    documents = [Document(page_content=TEXT)]
    pruner = CxmiPruner(llm=Believer("Ann"), answers={"Who slept?": "Bob"})
    found = pruner.prune([QUERY, "Who slept?", "Why?"], [documents, documents, []])
    assert [[document.page_content for document in some] for some in found] == [
        ["Ann built the ferry. "],
        ["Bob slept."],
        [],
    ]


def test_worth_is_the_ratio_of_the_engines_own_probabilities(tiny_llm_folder):
    llm = HfLLM(str(tiny_llm_folder), device="cpu", dtype="float32")
    request = f"Question: {QUERY}\nAnswer:"
    alone, given = (
        np.exp(one.values.sum(dtype=float))
        for one in llm.logprobs([request, f"It rained.\n\n{request}"], [" Ann", " Ann"])
    )
    found = worths(llm, QUERY, "Ann", ["It rained. "])
    assert found.tolist() == pytest.approx([given / (given + alone)], rel=1e-4)


@pytest.mark.parametrize("llm", [Believer(""), Believer("x", error="out of memory")])
def test_no_draft(llm):
    with pytest.raises(EngineError, match="drafted no answer"):
        pruned(llm)


def test_passages_beyond_the_window():
    long = [Document(page_content="word " * 300)]
    assert draft_prompt(read_prompts(CxmiPruner), "q", long).prefix.startswith("word word")
    with pytest.raises(DataError, match="retrieve fewer"):
        CxmiPruner(llm=Believer()).refine(long, QUERY)


def test_an_engine_without_logprobs_is_refused():
    with pytest.raises(ValueError, match="ScoringLLM"):
        CxmiPruner(llm=object())
