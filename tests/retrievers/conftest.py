"""A tiny sentence-transformers model as an encoder, and one that counts words."""

import re
import zlib

import numpy as np
import pytest
from langchain_core.documents import Document

from rlc.data.protocols import Generation, TokenEmbeddings
from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers.encoders.sentence_transformer import SentenceEncoder, unit
from rlc.retrievers.fuse.scores import NORMS


class WordEncoder:
    """Counts words by hash: texts that share words are near."""

    name, dimension, window, pooling = "words", 64, 100, "mean"
    tokenizer = ApproximateTokenizer()

    def __init__(self):
        self.seen = []

    def encode_documents(self, texts):
        self.seen.extend(texts)
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                row[zlib.crc32(word.encode()) % self.dimension] += 1
        return unit(vectors)

    encode_queries = encode_documents

    def encode_tokens(self, texts):
        """One state a word."""
        return [TokenEmbeddings(self.encode_documents(text.split()), word_offsets(text)) for text in texts]


def word_offsets(text):
    return np.array([match.span() for match in re.finditer(r"\S+", text)], dtype=np.int64).reshape(-1, 2)


@pytest.fixture
def words():
    return WordEncoder()


@pytest.fixture
def documents():
    texts = ["the cat sat on the mat", "a dog and the cat", "net income rose", "the bird sings"]
    return [
        Document(id=f"d{i}", page_content=text, metadata={"source": "pets" if i != 2 else "report"})
        for i, text in enumerate(texts)
    ]


@pytest.fixture(scope="session")
def tiny(tiny_folder):
    return SentenceEncoder(str(tiny_folder), dtype="float32", device="cpu")


@pytest.fixture
def cut():
    """Cuts spans out of a text, as a chunker does."""

    def chunks(text, spans, source="t", **metadata):
        return [
            Document(
                id=f"{source}:{start}-{end}",
                page_content=text[start:end],
                metadata={"source": source, "start_index": start, "end_index": end, **metadata},
            )
            for start, end in spans
        ]

    return chunks


class Writer:
    """Writes one text, whatever it is asked."""

    name, window, tokenizer = "writer", 1000, ApproximateTokenizer()

    def __init__(self, text="", error=None):
        self.text, self.error, self.asked = text, error, []

    def count(self, prompt):
        return self.tokenizer.count(prompt.question)

    def generate(self, prompts, *, max_tokens, **wishes):
        self.asked += [prompt.question for prompt in prompts]
        return [Generation(self.text, error=self.error) for _ in prompts]


@pytest.fixture
def writer():
    return Writer


@pytest.fixture(scope="session")
def plain_score_fusion():
    """Weighted score fusion of one query, written as its formula: what the arrays must come to."""

    def fuse(rankings, weights, norm):
        everything = sorted({id_ for ranking in rankings for id_, _ in ranking})
        total = dict.fromkeys(everything, 0.0)
        for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
            if ranking:
                values = NORMS[norm](np.array([score for _, score in ranking], dtype=np.float64)).tolist()
                normalised = dict(zip([id_ for id_, _ in ranking], values, strict=True))
                for id_ in everything:
                    total[id_] += weight * normalised.get(id_, min(values))
        return [(id_, total[id_]) for id_ in sorted(everything, key=total.__getitem__, reverse=True)]

    return fuse
