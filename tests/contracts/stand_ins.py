"""Builds any method of any table through the real builder, from its own `example()`.

What a method needs and its example leaves open is given from here: an engine that says how likely texts are, an
encoder of letters, a tokenizer, a chunker, a retriever, a cache method. None of it knows a method's name.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import get_origin

import numpy as np
from showing import ShowingLLM
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from weighing import WeighingLLM

from rlc.data.protocols import SparseVector, TokenEmbeddings, TokenLogprobs, Weights
from rlc.data.spec import fingerprint
from rlc.data.tokens import APPROXIMATE, ApproximateTokenizer, FastTokenizer
from rlc.pipeline.families import BUILDER

# By family: the spec of what stands in for any member of it.
NEEDED = {
    "llm": {"use": "scripted", "answers": {"": "a stand-in"}},
    "encoder": {"use": "langchain", "embeddings": "a stand-in", "window": 40},
    "sparse encoder": {"use": "splade", "model": "a stand-in"},
    "multi-vector encoder": {"use": "colbert", "model": "a stand-in"},
    "tokenizer": "approximate",
    "chunker": {"use": "sentence", "size": 16},
    "retriever": "bm25",
    "kv": "kivi",
    "fusion": "prompt-cache",
    "step": {"use": "top", "k": 3},
    "searcher": {"use": "search", "chunker": {"use": "sentence", "size": 16}, "retriever": "bm25"},
    "reader": {"use": "long", "llm": {"use": "scripted", "answers": {"": "a stand-in"}}},
}


class LetterEncoder:
    """Counts letters: enough to have vectors of texts and of their tokens."""

    name, dimension, window, pooling = "letters", 4, 40, "mean"
    tokenizer = ApproximateTokenizer()

    def encode_documents(self, texts):
        counts = np.array([[text.count(letter) + 1 for letter in "aen "] for text in texts], np.float32)
        counts = counts.reshape(-1, self.dimension)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)

    encode_queries = encode_documents

    def encode_tokens(self, texts):
        spans = [np.array(self.tokenizer.offsets(text), np.int64).reshape(-1, 2) for text in texts]
        return [
            TokenEmbeddings(self.encode_documents([text[a:b] for a, b in of]), of)
            for text, of in zip(texts, spans, strict=True)
        ]


class SparseLetterEncoder:
    """Weighs letters by how often they stand in a text."""

    name, dimension = "sparse letters", 26

    def weigh_documents(self, texts):
        counts = np.array([[text.count(chr(97 + i)) for i in range(26)] for text in texts], np.float32)
        rows = counts.reshape(-1, 26)
        found = [np.flatnonzero(row).astype(np.int32) for row in rows]
        return [SparseVector(terms, row[terms]) for terms, row in zip(found, rows, strict=True)]

    weigh_queries = weigh_documents


class MultiVectorLetterEncoder(LetterEncoder):
    """The letters of every word."""

    name = "letters of words"

    def encode_document_tokens(self, texts):
        return [self.encode_documents(text.split() or [""]) for text in texts]

    encode_query_tokens = encode_document_tokens


class ScoringEngine(ShowingLLM, WeighingLLM):
    """A script that also says how likely texts are, and shows what it looks at: the more so, the more letters are shared."""

    def adapted(self, _):
        """Read as ever, however it is to be done."""
        return self

    def logprobs(self, contexts, texts):
        return [self._scored(context, text) for context, text in zip(contexts, texts, strict=True)]

    def _recite(self, prompt):
        said = super()._recite(prompt)
        return replace(said, logprobs=said.logprobs or self._scored(prompt.prefix, said.text))

    def _scored(self, context, text):
        starts = [0, *(start for start, _ in self.tokenizer.offsets(text)[1:])]
        spans = list(zip(starts, [*starts[1:], len(text)], strict=True))
        shared = [len(set(context) & set(text[start:end])) for start, end in spans]
        return TokenLogprobs(spans, -1 / (1 + np.array(shared, np.float32)))


def bert_like():
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"-()"
    words = ["the", "in", "fox", "##ing", "##ed", "an", "ab", "##ab"]
    pieces = ["[UNK]", *letters, *(f"##{letter}" for letter in letters), *words]
    inner = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return FastTokenizer("bert-like", inner)


def byte_level():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: i for i, piece in enumerate([*alphabet, "th", "the", "Ġthe", "in", "ab", "abab"])}
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("a", "b"), ("ab", "ab")]
    inner = Tokenizer(models.BPE(vocabulary, merges))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return FastTokenizer("byte-level", inner)


TOKENIZERS = {one.name: one for one in (ApproximateTokenizer(), bert_like(), byte_level())}


def settings_of(family, name):
    """The names of the settings that an entry takes."""
    return set(family.parameters(name, name))


def needs_weights(family, name):
    """Whether an entry cannot do without weights of its own."""
    return any(
        parameter.annotation == Weights and parameter.default not in ("", APPROXIMATE)
        for parameter in family.parameters(name, name).values()
    )


def build(family, name, answers="yes", weights=None, readers=(), **offered):
    """Make an entry of a family's table.

    Args:
        family: such as `rlc.pipeline.families.CHUNKER`.
        name: the entry's.
        answers: what the engine that stands in says: a text, or a function of the prompt.
        weights: a folder, for the settings that name weights.
        readers: objects for the settings that must be readers, in their order.
        offered: settings that are given where the entry takes them.
    """
    spec = {"use": name, **family.example(name, name)}
    spec |= {key: value for key, value in offered.items() if key in settings_of(family, name)}
    engine = ScoringEngine(answers if callable(answers) else {"": answers}, window=100_000)
    objects = {
        key("llm"): engine,
        key("encoder"): LetterEncoder(),
        key("sparse encoder"): SparseLetterEncoder(),
        key("multi-vector encoder"): MultiVectorLetterEncoder(),
    }
    objects |= {key("tokenizer", one): tokenizer for one, tokenizer in TOKENIZERS.items()}
    waiting = enumerate(readers)
    for setting, parameter in family.parameters(name, name).items():
        inner = BUILDER.family_of(parameter.annotation)
        if parameter.annotation == Weights and weights is not None:
            spec[setting] = str(weights)
        if setting in spec or parameter.default is not parameter.empty:
            continue
        many = get_origin(parameter.annotation) is Sequence
        if inner is not None and inner.kind == "reader" and readers:
            given = list(waiting) if many else [next(waiting)]
            specs = [{**NEEDED["reader"], "seed": number} for number, _ in given]
            objects |= {key("reader", one): reader for one, (_, reader) in zip(specs, given, strict=True)}
            spec[setting] = specs if many else specs[0]
        elif inner is not None:
            spec[setting] = [NEEDED[inner.kind]] * 2 if many else NEEDED[inner.kind]

    def finish(make, kind, completed):
        stand_in = objects.get((kind, fingerprint(completed)))
        return make() if stand_in is None else stand_in

    builder = replace(BUILDER, finish=finish)
    return builder.build(builder.complete(spec, family, name), family, name)


def key(kind, spec=None):
    """What tells a stand-in: its family's kind and the fingerprint of its completed spec."""
    [family] = [one for one in BUILDER.families if one.kind == kind]
    return kind, fingerprint(BUILDER.complete(spec or NEEDED[kind], family, kind))
