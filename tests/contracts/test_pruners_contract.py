"""Every pruner's laws: a subsequence with its spans, nothing mutated, nothing asked is nothing changed."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import BaseDocumentCompressor, Document
from stand_ins import build, settings_of

from rlc.data.errors import DataError
from rlc.data.lazy import load
from rlc.data.tokens import ApproximateTokenizer
from rlc.pipeline.families import STEP
from rlc.retrievers.prune import PRUNERS
from rlc.retrievers.prune.base import Judged, Kept, Pruner, SentencePruner, Share, joined, pruned
from rlc.retrievers.prune.support.units import Unit
from rlc.retrievers.support.compressor import Compressor

every_pruner = pytest.mark.parametrize("name", sorted(PRUNERS))

SOURCE = "Ann met Bob. It rained. | x | y |\n| 1 | 2 |\n| 3 | 4 |\nThey left! Nobody saw them. The end."


class Seeded(SentencePruner):
    """The one method that a sentence pruner writes: here worth is drawn from the text's length."""

    threshold: Share = 0.5

    def judge(self, asked, cut):
        return [
            [
                Judged(passage, np.random.default_rng(len(passage)).random(len(passage), np.float32))
                for passage in one
            ]
            for one in cut
        ]


def passages(text=SOURCE, size=40):
    return [
        Document(
            id=f"d:{i}",
            page_content=text[i : i + size],
            metadata={
                "source": "d",
                "start_index": i,
                "end_index": min(i + size, len(text)),
                "relevance_score": 1.0,
            },
        )
        for i in range(0, len(text), size)
    ]


def tokens(documents):
    return sum(ApproximateTokenizer().count(document.page_content) for document in documents)


def quote(prompt):
    """Copies out the first half of the passage."""
    return prompt.prefix[: max(1, len(prompt.prefix) // 2)]


@pytest.fixture
def pruner(weights):
    return lambda name, **offered: build(STEP, name, quote, weights(STEP, name), **offered)


def obey(pruner, given):
    """A subsequence of every passage, in its order, with spans that say so; the same again; nothing mutated."""
    before = [document.model_copy(deep=True) for document in given]
    text = {document.id: document.page_content for document in given}
    place = {document.id: document.metadata["start_index"] for document in given}
    found = pruner.compress_documents(given, "Who met Bob?")
    assert given == before, "what came in is as it was"
    assert len({document.id for document in found}) == len(found)
    for document in found:
        spans = document.metadata["kept_spans"]
        at = place[document.id]
        kept = "".join(text[document.id][start - at : end - at] for start, end in spans)
        assert kept == document.page_content, "the spans are the text"
        borders = [at, *(border for span in spans for border in span), at + len(text[document.id])]
        assert borders == sorted(borders), "spans ascend inside their passage"
    assert pruner.compress_documents(given, "Who met Bob?") == found, "asked again, the same"
    many = pruner.prune(["Who met Bob?", "Nothing?"], [given, []])
    assert many == [found, []], "many questions are as one by one"
    return found


@every_pruner
def test_is_langchains_compressor_with_one_method(name):
    pruner = load(PRUNERS[name])
    assert issubclass(pruner, BaseDocumentCompressor)
    assert issubclass(pruner, Pruner)
    assert pruner.prune is Pruner.prune
    assert pruner.compress_documents is Compressor.compress_documents
    assert pruner.model_config["extra"] == "forbid"


@every_pruner
def test_every_pruner_returns_a_subsequence_with_its_spans(name, pruner):
    for size in (len(SOURCE), 40):
        obey(pruner(name), passages(size=size))
    assert pruner(name).compress_documents([], "q") == []


@every_pruner
def test_every_pruner_holds_its_budget_and_removes_nothing_unasked(name, pruner):
    given = passages(size=len(SOURCE))
    whole = tokens(given)
    if "ratio" in settings_of(STEP, name):
        kept = {ratio: tokens(obey(pruner(name, ratio=ratio), given)) for ratio in (0.0, 0.5, 1.0)}
        assert kept[0.0] == whole
        assert kept[0.5] <= 0.5 * whole + 1
        assert kept[1.0] == 0
    elif "threshold" in settings_of(STEP, name):
        assert tokens(obey(pruner(name, threshold=0.0), given)) == whole


class Spans(Pruner):
    """Keeps what it is told to."""

    spans: list[tuple[int, int]]

    def keep(self, asked):
        return [[Kept(self.spans) for _ in one.documents] for one in asked]


class Rewriting(Pruner):
    """Writes in capitals what it keeps."""

    def keep(self, asked):
        return [[Kept([(0, 4)]) for _ in one.documents] for one in asked]

    def arrange(self, documents):
        return [one.model_copy(update={"page_content": one.page_content.upper()}) for one in documents]


class Forgetful(Pruner):
    """Says something about the first passage alone."""

    def keep(self, asked):
        return [[Kept([(0, 4)])] for _ in asked]


@pytest.mark.parametrize(
    "evil",
    [
        Spans(spans=[(0, 9), (4, 12)]),
        Spans(spans=[(8, 12), (0, 4)]),
        Spans(spans=[(-3, 4)]),
        Spans(spans=[(4, 4)]),
        Spans(spans=[(9, 4)]),
        Spans(spans=[(0, 4000)]),
        Rewriting(),
        Forgetful(),
    ],
    ids=["overlapping", "descending", "before", "empty", "backwards", "behind", "rewriting", "forgetful"],
)
def test_the_laws_catch_a_pruner_that_breaks_them(evil):
    with pytest.raises((AssertionError, ValueError), match=r"kept spans|the spans are|shorter"):
        obey(evil, passages())


@pytest.mark.parametrize("settings", [{"threshold": 0}, {"ratio": 0}])
def test_nothing_asked_changes_nothing(settings):
    given = passages()
    found = Seeded(**settings).compress_documents(given, "q")
    assert [document.page_content for document in found] == [document.page_content for document in given]
    assert [document.metadata["kept_spans"] for document in found] == [
        [[document.metadata["start_index"], document.metadata["end_index"]]] for document in given
    ]


@given(st.text(alphabet="Ab. \n|\t1!", max_size=120), st.floats(0, 1), st.integers(5, 50))
def test_subsequence_with_spans_within_budget(text, ratio, size):
    given = passages(text, size)
    found = Seeded(ratio=ratio).compress_documents(given, "q")
    assert tokens(found) <= (1 - ratio) * tokens(given) + 1e-6
    for document in found:
        spans = document.metadata["kept_spans"]
        assert "".join(text[start:end] for start, end in spans) == document.page_content
        assert all(a[1] < b[0] for a, b in itertools.pairwise(spans))
        assert (
            document.metadata["start_index"] <= spans[0][0] < spans[-1][1] <= document.metadata["end_index"]
        )


def test_a_row_comes_with_its_header():
    class Row(Seeded):
        def judge(self, asked, cut):
            text = asked[0].documents[0].page_content
            return [
                [Judged(p, np.array(["3 |" in text[u.start : u.end] for u in p], np.float32)) for p in one]
                for one in cut
            ]

    [document] = Row().refine([Document(page_content="Intro.\n| x | y |\n| 1 | 2 |\n| 3 | 4 |\nEnd.")], "q")
    assert document.page_content == "| x | y |\n| 3 | 4 |\n"


def test_pruning_twice_still_points_into_the_source():
    text = "One. Two. Three. Four."
    document = Document(
        page_content=text, metadata={"source": "s", "start_index": 100, "end_index": 100 + len(text)}
    )
    once = pruned(document, Kept(((0, 5), (10, 17))))
    assert (once.page_content, once.metadata["kept_spans"]) == ("One. Three. ", [[100, 105], [110, 117]])
    twice = pruned(once, Kept(((5, 12),)))
    assert (twice.page_content, twice.metadata["kept_spans"]) == ("Three. ", [[110, 117]])
    assert (twice.metadata["start_index"], twice.metadata["end_index"]) == (100, 122)


def test_inputs_stay_and_empty_passages_go():
    given = passages()
    Seeded(ratio=0.5).refine(given, "q")
    assert given == passages()
    assert Seeded(ratio=1).refine(given, "q") == []
    assert Seeded().refine([], "q") == []
    assert Seeded().prune(["a", "b"], [[], []]) == [[], []]


def test_many_questions_are_as_one_by_one():
    first, second = passages(), passages("Another text. It is here. Yes.", 30)
    pruner = Seeded()
    assert pruner.prune(["a", "b"], [first, second]) == [
        pruner.refine(first, "a"),
        pruner.refine(second, "b"),
    ]


def test_a_passage_without_words_has_nothing_to_keep():
    blank = Document(page_content="")
    assert [d.page_content for d in Seeded().refine([blank], "q")] == [""]


@pytest.mark.parametrize(
    "settings", [{"threshold": 1.1}, {"threshold": -0.1}, {"ratio": 2}, {"treshold": 0.1}]
)
def test_bad_settings(settings):
    with pytest.raises(ValueError, match=r"(?s)less than|greater than|Extra inputs"):
        Seeded(**settings)


@every_pruner
@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_shares_lie_between_0_and_1(name, value):
    pruner = load(PRUNERS[name])
    for setting in {"threshold", "ratio"} & set(pruner.model_fields):
        with pytest.raises(ValueError, match=rf"(?s){setting}\n.*than or equal to [01]"):
            pruner(**{setting: value})


def test_a_rewritten_passage_is_refused():
    odd = Document(page_content="Short.", metadata={"start_index": 0, "end_index": 50})
    with pytest.raises(DataError, match="prune it before its text is rewritten"):
        Seeded(threshold=0).refine([odd], "q")


def test_touching_spans_become_one():
    assert joined([Unit(0, 2), Unit(2, 5), Unit(7, 9)]) == ((0, 5), (7, 9))
