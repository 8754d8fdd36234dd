"""Trees of summaries by hand: of neighbours, and of what is about the same."""

import numpy as np
import pytest

from rlc.chunkers import TreeChunker
from rlc.chunkers.support.clusters import soft_clusters
from rlc.chunkers.support.summaries import follow, grow, neighbours
from rlc.chunkers.tree import union
from rlc.data.records import Document
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.support.asking import evidence_of
from rlc.pipeline.readers.support.searching import Searcher
from rlc.retrievers import BM25Retriever
from rlc.retrievers.prune import LexicalPruner

LINES = [f"{name} saw a cat there. " for name in ("Ann", "Bob", "Cyd", "Dee", "Eve")]
DOCUMENT = Document(id="d", page_content="".join(LINES))


def initials(prompt):
    """A summary: the names' first letters, or the summaries below run together."""
    text = prompt.question.split("summary alone.")[1]
    names = [line.split()[0] for line in LINES if line.split()[0] in text]
    return "".join(name[0] for name in names) or "".join(text.split())


def tree(**settings):
    return TreeChunker(ScriptedLLM(initials), segment=6, children=2, **settings)


def places(chunks):
    return {
        chunk.metadata.get("text_to_read", chunk.page_content): (chunk.metadata["level"], chunk.page_content)
        for chunk in chunks
    }


def test_neighbours_are_summed_up_to_one_root():
    chunks = tree().split(DOCUMENT)
    lines = [line.strip() for line in LINES]
    found = {key.strip(): (level, text.strip()) for key, (level, text) in places(chunks).items()}
    assert {key: found[key] for key in ("AB", "CD", "ABCD", "ABCDE")} == {
        "AB": (1, " ".join(lines[:2])),
        "CD": (1, " ".join(lines[2:4])),
        "ABCD": (2, " ".join(lines[:4])),
        "ABCDE": (3, " ".join(lines)),
    }
    assert [found[line][0] for line in lines] == [0] * 5
    assert all("kept_spans" not in chunk.metadata for chunk in chunks), "neighbours are one span"


def test_a_summary_is_found_read_and_points_at_its_text():
    library = Searcher(tree(), lambda chunks: BM25Retriever.from_documents(chunks, k=1)).open(DOCUMENT)
    [(found, _)] = library.search(["ABCD"])
    assert [one.page_content for one in found] == ["ABCD"]
    [evidence] = evidence_of("d", found[0])
    assert DOCUMENT.page_content[evidence.start : evidence.end].strip() == "".join(LINES[:4]).strip()
    assert library.cost.index_tokens > 0


def test_a_pruner_leaves_a_summary_whole():
    make = lambda chunks: BM25Retriever.from_documents(chunks, k=1)  # noqa: E731
    library = Searcher(tree(), make, [LexicalPruner(ratio=0.0)]).open(DOCUMENT)
    [(found, _)] = library.search(["ABCD"])
    assert [one.page_content for one in found] == ["ABCD"]


class Kinds:
    """An encoder that knows two kinds of texts, apart by far, and no two texts of a kind alike."""

    name, dimension, window, pooling, tokenizer = "kinds", 4, 512, "mean", None

    def encode_documents(self, texts):
        draw = np.random.default_rng(0)
        base = np.array([[1, 0, 0, 0] if "cat" in text else [0, 1, 0, 0] for text in texts], float)
        return (base + 0.01 * draw.normal(size=base.shape)).astype(np.float32)


def test_clusters_sum_up_what_stands_apart():
    lines = [f"Ann saw a {'cat' if i % 2 else 'dog'}.\n\n" for i in range(16)]
    llm = ScriptedLLM({"cat": "cats", "dog": "dogs"})
    document = Document(id="d", page_content="".join(lines))
    chunks = TreeChunker(llm, Kinds(), segment=6).split(document)
    tops = {one.metadata["text_to_read"]: one for one in chunks if one.metadata["level"] == 1}
    assert tops.keys() == {"cats", "dogs"}
    spans = [document.page_content[start:end].strip() for start, end in tops["cats"].metadata["kept_spans"]]
    assert spans == [line.strip() for line in lines[1::2]]
    assert max(one.metadata["level"] for one in chunks) == 1, "two texts are too few to be clustered"


def test_clusters_are_the_same_again_and_a_vector_may_be_in_two():
    draw = np.random.default_rng(1)
    ends = [draw.normal(center, 0.05, (20, 2)) for center in ((0, 0), (4, 4))]
    between = np.array([[2.0, 2.0]])
    vectors = np.concatenate([*ends, between]).astype(np.float32)
    groups = soft_clusters(vectors)
    assert groups == soft_clusters(vectors)
    assert sorted({i for group in groups for i in group}) == list(range(41))
    assert soft_clusters(vectors[:1]) == [[0]]


def test_growing_by_hand():
    layers = follow(
        grow(["a", "b", "c"], neighbours(2)), lambda texts: [text.replace("\n\n", "+") for text in texts]
    )
    assert [[(one.summary, one.members) for one in layer] for layer in layers] == [
        [("a+b", (0, 1)), ("c", (2,))],
        [("a+b+c", (0, 1))],
    ]
    assert follow(grow(["a", "b"], lambda texts: [[0], [1]]), list) == [], "what makes no fewer ends it"


def test_pieces_are_joined_over_white_space_alone():
    assert union("ab cd  ef", [(7, 9), (0, 2)]) == [(0, 2), (7, 9)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"segment": 0}, "size=0"),
        ({"children": 1}, "children=1"),
        ({"summary_tokens": 0}, "summary_tokens must be at least 1, got 0"),
    ],
)
def test_settings_that_make_no_sense(settings, said):
    with pytest.raises(ValueError, match=said):
        TreeChunker(ScriptedLLM({}), **settings)
