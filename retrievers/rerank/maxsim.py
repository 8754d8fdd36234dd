"""Reranking by late interaction."""

from collections.abc import Sequence

import numpy as np
from pydantic import field_validator

from rlc.data.protocols import Encoder, Floats
from rlc.retrievers.encoders.langchain import as_encoder
from rlc.retrievers.maxsim import maxsim, token_states
from rlc.retrievers.rerank.base import Reranker


class MaxSimReranker(Reranker):
    """Scores passages by `rlc.retrievers.maxsim.maxsim` over an encoder's token states."""

    encoder: Encoder
    _taken = field_validator("encoder", mode="before")(as_encoder)

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """Sums of the query tokens' best cosines, float32 [texts]."""
        first, *states = token_states(self.encoder, [query, *texts])
        starts = np.cumsum([0, *(len(vectors) for vectors in states[:-1])])
        return maxsim(first, np.concatenate(states), starts)
