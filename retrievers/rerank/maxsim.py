"""Reranking by late interaction."""

from collections.abc import Sequence

from pydantic import field_validator

from rlc.data.protocols import Encoder, Floats
from rlc.retrievers.encoders.langchain import as_encoder
from rlc.retrievers.maxsim import token_states
from rlc.retrievers.rerank.base import Reranker
from rlc.retrievers.support.late_interaction import maxsim, one_after_the_other


class MaxSimReranker(Reranker):
    """Scores passages by late interaction over an encoder's token states."""

    encoder: Encoder
    _taken = field_validator("encoder", mode="before")(as_encoder)

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """Sums of the query tokens' best cosines, float32 [texts]."""
        first, *states = token_states(self.encoder, [query, *texts])
        return maxsim(first, *one_after_the_other(states))
