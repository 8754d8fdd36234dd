"""Methods of kvpress that were trained or measured for single models, and fetch what they need from the network."""

from dataclasses import dataclass
from typing import Any, ClassVar

from rlc.data.errors import UnsupportedError, describe
from rlc.pipeline.kv.library import Library, LibraryEvicting


@dataclass(frozen=True)
class Fetched(Library):
    """A press of kvpress that fetches files for the model. Subclasses say which."""

    files: ClassVar[str]
    """What is fetched, as a message names it."""

    def begin(self, model: Any) -> Any:  # noqa: ANN401
        """What compresses texts that this model reads.

        Raises:
            UnsupportedError: if the files cannot be fetched, or there are none for this model.
        """
        try:
            return super().begin(model)
        except (OSError, ValueError, KeyError, AssertionError) as error:  # kvpress's own, and the network's
            raise UnsupportedError(
                f"{type(self).__name__} needs {self.files} for {model.config.name_or_path}, which kvpress fetches by the "
                f"model's Hugging Face id ({describe(error)}): name a model that they were made for, where they can be "
                "reached, or take a method that needs none, such as expected-attention or kvzip"
            ) from error


@dataclass(frozen=True)
class KVzap(LibraryEvicting, Fetched):
    """Keep what a small network, trained to say what KVzip would, finds worth it, from the hidden states alone.

    Source: Jegou and Jeblick, arXiv 2601.07891.
    """

    files: ClassVar[str] = "a trained scorer (nvidia/KVzap-mlp-MODEL on the Hugging Face hub)"

    from_all: ClassVar[bool] = True

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.KVzapPress(self.ratio)


@dataclass(frozen=True)
class ExpectedAttentionStats(LibraryEvicting, Fetched):
    """Expected attention by the mean and covariance of queries over other texts.

    Source: Devoto et al., arXiv 2510.00636.
    """

    files: ClassVar[str] = "its queries' statistics (a collection on the Hugging Face hub)"

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.ExpectedAttentionStatsPress(self.ratio)


@dataclass(frozen=True)
class LUKV(LibraryEvicting, Fetched):
    """Expected attention with a budget for each head that was measured on other texts.

    Source: arXiv 2602.08585, as kvpress has it; the budgets were measured for Llama 3.1 8B.
    """

    files: ClassVar[str] = "the authors' budgets of heads (github.com/baidu-baige/LU-KV)"

    from_all: ClassVar[bool] = True

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.LUKVPress(compression_ratio=self.ratio)
