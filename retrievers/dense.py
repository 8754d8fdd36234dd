"""Dense retrieval: the documents whose vectors have the largest inner product with the query's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from pydantic import Field

from rlc.data.errors import DataError, StoreError
from rlc.data.protocols import Encoder, Floats
from rlc.retrievers.base import Retriever, Where, id_of, text_of, top_k
from rlc.retrievers.encoders.langchain import as_encoder
from rlc.retrievers.index.collection import Collection, Rows
from rlc.retrievers.index.storage import IndexReader, IndexWriter

IndexKind = Literal["flat", "hnsw", "ivf", "sq8"]
RECALL = 0.97
"""What an index finds of its own vectors' nearest: each is its own, and questions lie farther off, so that they get about 0.95."""


class DenseRetriever(Retriever):
    """Ranks documents by the inner product (of unit vectors: the cosine) of query and document vector.

    Attributes:
        vectors: float32 [documents, dimension].
        candidates: a FAISS index that proposes documents, or None: every vector is compared. Scores are always
            recomputed from `vectors`, in float32 and one fixed order, so that equal vectors get equal scores.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("faiss",)

    collection: Collection = Field(repr=False)
    encoder: Encoder
    vectors: Floats = Field(repr=False)
    candidates: Any = Field(default=None, repr=False)

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Document],
        *,
        encoder: Encoder | Embeddings,
        k: int = 5,
        index: IndexKind = "flat",
    ) -> Self:
        """Embed the documents, or take the vectors that they bring in `metadata["embedding"]`.

        Args:
            documents: at least one. Vectors made elsewhere (late chunks) must come from the same encoder, where
                `metadata["embedding_model"]` says from which.
            encoder: for the queries, and for documents without vectors; langchain's `Embeddings` are taken as they are.
            k: how many documents a query gets.
            index: `flat` compares every vector: 100,000 in 1 ms a query in batches and in 6 ms alone (one core), less
                than the query's embedding takes. Above, and where queries come one by one: `ivf` (clusters) or `hnsw` (a
                graph; less memory, a faster question, the longer the building). Both search as widely as finds 0.95 of
                what `flat` finds. `sq8` scans 8 bits a dimension (recall 0.99; slower than `flat` in batches).
                docs/retrievers.md has the figures.

        Raises:
            DataError: if there is no document, or a vector is missing, not finite or of another encoder.
        """
        if index not in get_args(IndexKind):
            raise ValueError(f"index must be one of {', '.join(get_args(IndexKind))}, got {index!r}")
        encoder = as_encoder(encoder)
        collection = Collection.of(documents)
        vectors = document_vectors(documents, encoder)
        return cls(
            collection=collection,
            encoder=encoder,
            vectors=vectors,
            candidates=build_candidates(vectors, index),
            k=k,
        )

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        """The nearest documents of each query. A filter compares every vector that it keeps."""
        wanted = self._wanted(k)
        if not queries:
            return []
        points = self.encoder.encode_queries(queries)
        check_vectors(points, self.encoder.dimension, queries)
        if where is None:
            found = nearest(points, self.vectors, self.collection.ties, wanted, self.candidates)
        else:
            kept = self.collection.rows(where)
            one_stretch = len(kept) > 0 and kept[-1] - kept[0] == len(kept) - 1  # of one document: not copied
            vectors = self.vectors[kept[0] : kept[-1] + 1] if one_stretch else self.vectors[kept]
            found = [
                (kept[rows], scores)
                for rows, scores in nearest(points, vectors, self.collection.ties[kept], wanted)
            ]
        return [self.collection.take(rows, scores) for rows, scores in found]

    def save(self, folder: Path | str) -> None:
        """Write the index into a folder, with what its encoder was; an index that is there is replaced in one step."""
        writer = IndexWriter(Path(folder))
        writer.collection(self.collection)
        writer.array("vectors", self.vectors)
        if self.candidates is not None:
            import faiss

            faiss.write_index(self.candidates, str(writer.path("candidates.faiss")))
            writer.add("candidates.faiss")
        writer.commit("dense", encoder_identity(self.encoder))

    @classmethod
    def open(cls, folder: Path | str, *, encoder: Encoder, k: int = 5) -> Self:
        """Open a saved index by memory map, with the encoder that made it.

        Raises:
            StoreError: if there is none, a file is missing, truncated or changed, or the encoder is another.
        """
        reader = IndexReader.open(Path(folder), "dense")
        if reader.settings != encoder_identity(encoder):
            raise StoreError(
                f"the index in {folder} was made by {dict(reader.settings)}, this encoder is "
                f"{encoder_identity(encoder)}: open it with that encoder, or build it again"
            )
        candidates = None
        if "candidates.faiss" in reader.files:
            import faiss

            candidates = faiss.read_index(str(reader.path("candidates.faiss")))
        return cls(
            collection=reader.collection(),
            encoder=encoder,
            vectors=reader.array("vectors"),
            candidates=candidates,
            k=k,
        )


def encoder_identity(encoder: Encoder) -> dict[str, object]:
    """What an index must have in common with the encoder of its queries; the name holds the revision."""
    return {"name": encoder.name, "dimension": encoder.dimension, "pooling": encoder.pooling}


def document_vectors(documents: Sequence[Document], encoder: Encoder) -> Floats:
    """The documents' vectors [documents, dimension], brought along or made now.

    Raises:
        DataError: if only some bring one, or one is not finite, of another length or of another encoder.
    """
    brought = [document for document in documents if "embedding" in document.metadata]
    if not brought:
        vectors = encoder.encode_documents([text_of(document) for document in documents])
    elif len(brought) < len(documents):
        raise DataError(
            f"{len(brought)} of {len(documents)} documents bring an embedding: give one to all or to none"
        )
    else:
        makers = {document.metadata.get("embedding_model", encoder.name) for document in documents}
        if makers != {encoder.name}:
            raise DataError(
                f"embeddings made by {sorted(makers)} cannot be searched with {encoder.name!r}: take the encoder that made "
                "them, or embed again"
            )
        vectors = np.stack([np.asarray(document.metadata["embedding"], np.float32) for document in documents])
    check_vectors(vectors, encoder.dimension, [id_of(document) for document in documents])
    return np.ascontiguousarray(vectors, dtype=np.float32)


def check_vectors(vectors: NDArray[Any], dimension: int, ids: Sequence[str]) -> None:
    """Refuse vectors of another dimension, or not finite.

    Raises:
        DataError: naming the first bad one.
    """
    if vectors.shape != (len(ids), dimension):
        raise DataError(f"expected vectors of shape {(len(ids), dimension)}, got {vectors.shape}")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        bad = ids[int(np.argmin(finite))]
        raise DataError(f"the vector of {bad!r} holds NaN or infinity: embed that text again")


def nearest(
    queries: Floats,
    vectors: Floats,
    ties: Rows,
    k: int,
    candidates: Any = None,  # noqa: ANN401 - FAISS is untyped
) -> list[tuple[Rows, Floats]]:
    """The rows and scores of the `k` vectors with the largest inner product to each query, best first.

    Equal scores go by `ties`, also at the cut: where it may fall between equal ones, every vector is compared.
    """
    import faiss

    if len(vectors) == 0:
        return [(np.zeros(0, np.int64), np.zeros(0, np.float32))] * len(queries)
    wide = min(len(vectors), k + 8)
    if candidates is None:
        # A matrix product beats FAISS's loops from ten queries on, and is five times as fast for hundreds; FAISS 1.15 waits
        # for 128,000 numbers of queries.
        faiss.cvar.distance_compute_blas_threshold = 10 * vectors.shape[1]
        _, proposed = faiss.knn(queries, vectors, wide, metric=faiss.METRIC_INNER_PRODUCT)
    else:
        _, proposed = candidates.search(queries, wide)
    found = []
    for query, rows in zip(queries, proposed, strict=True):
        rows = rows[rows >= 0]  # FAISS fills up with -1 where it found fewer
        scores = np.einsum("d,kd->k", query, vectors[rows])
        if k < len(rows) < len(vectors) and scores.min() == np.sort(scores)[-k]:
            rows, scores = np.arange(len(vectors)), np.einsum("d,kd->k", query, vectors)
        best = top_k(scores, ties[rows], k)
        found.append((rows[best], scores[best]))
    return found


def build_candidates(vectors: Floats, index: IndexKind) -> Any:  # noqa: ANN401 - FAISS is untyped
    """The FAISS index that proposes candidates, or None for `flat`.

    It holds 8 bits a dimension: candidates are scored from the vectors themselves, which cost four times that.
    HNSW: M 16, efConstruction 40. IVF: 4 sqrt(n) clusters. How widely they search (efSearch, nprobe) is `widened` to
    what these vectors need.
    """
    import faiss

    if index == "flat":
        return None
    count, dimension = vectors.shape
    # FAISS wants at least 39 training vectors a cluster.
    clusters = max(1, min(int(4 * count**0.5), count // 39))
    layout = {"hnsw": "HNSW16_SQ8", "ivf": f"IVF{clusters},SQ8", "sq8": "SQ8"}[index]
    built: Any = faiss.index_factory(dimension, layout, faiss.METRIC_INNER_PRODUCT)
    if index == "hnsw":
        # A graph of M 32 and efConstruction 100 took twice the time and found no more in the same milliseconds.
        built.hnsw.efConstruction = 40
    if index == "ivf":
        built.cp.max_points_per_centroid = 40  # of FAISS's 256 it takes a sixth of the time
        built.by_residual = False  # which would copy all vectors
    built.train(vectors)
    built.add(vectors)
    if index == "hnsw":
        widened(built, built.hnsw, "efSearch", most=1024, vectors=vectors)
    if index == "ivf":
        widened(built, built, "nprobe", most=clusters, vectors=vectors)
    return built


def widened(candidates: Any, settings: Any, name: str, *, most: int, vectors: Floats) -> None:  # noqa: ANN401 - FAISS is untyped
    """Widen an index's search until it finds `RECALL` of what 256 of its own vectors have nearest, or is at its `most`.

    A fixed width finds less the more vectors there are, and how much less depends on them: so it is measured, on vectors
    that are spread evenly. At a hundred thousand that is a few percent of the building.

    Args:
        candidates: the index.
        settings: what holds the width, by `name`.
        name: the number of clusters or nodes that a search looks at.
        most: where to stop.
        vectors: those of the index.
    """
    asked = vectors[:: max(1, len(vectors) // 256)][:256]
    ties = np.arange(len(vectors))
    exact = nearest(asked, vectors, ties, 10)
    width = min(16, most)
    setattr(settings, name, width)
    while width < most and recall(exact, nearest(asked, vectors, ties, 10, candidates)) < RECALL:
        width = min(most, width * 3 // 2)
        setattr(settings, name, width)


def recall(exact: Sequence[tuple[Rows, Floats]], found: Sequence[tuple[Rows, Floats]]) -> float:
    """How much of what is nearest was found; one that scores as high as the last of the nearest is as good."""
    hits = sum(int((scores >= best.min()).sum()) for (_, best), (_, scores) in zip(exact, found, strict=True))
    return hits / sum(len(best) for _, best in exact)
