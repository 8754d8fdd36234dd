"""The methods of kvpress, one class a method: its settings with their defaults, and the press that it makes of them."""

import logging
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from rlc.pipeline.kv.base import Evicting, Footprint, Press, States


@dataclass(frozen=True)
class Library(Press):
    """A press of kvpress. Subclasses make it."""

    NEEDS: ClassVar[tuple[str, ...]] = ("torch", "transformers", "kvpress")
    draws: ClassVar[bool] = False
    """Whether the press draws from torch's global generator, which is then given a seed, and left as it was."""

    @abstractmethod
    def press(self, kvpress: Any) -> Any:  # noqa: ANN401 - the module, a press
        """The press with these settings."""

    @property
    def observes(self) -> int:
        """A text of at most so many tokens is kept whole: the press has nothing else to look from."""
        return 0

    def begin(self, model: Any) -> Any:  # noqa: ANN401
        press = self.press(load_kvpress())
        press.post_init_from_model(model)
        return press if self.rereads else _Guarded(press, self.observes, draws=self.draws)


def load_kvpress() -> Any:  # noqa: ANN401 - the module
    """Import kvpress, and take off the patch that it puts on all attention functions of this process.

    The patch hides what single heads give up behind false keys, for all models; here that is masked, for one.
    """
    import kvpress
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS as FUNCTIONS

    logging.getLogger("kvpress").setLevel(
        logging.ERROR
    )  # what it warns of, method by method, is said in their docstrings
    for name, function in list(FUNCTIONS.items()):
        if function.__module__ == "kvpress.attention_patch":
            FUNCTIONS.pop(name)  # lies above transformers' own
    return kvpress


class _Guarded:
    """A press's `compress`, for texts that are long enough for it, with a seed for what it draws."""

    def __init__(self, press: Any, observes: int, *, draws: bool) -> None:  # noqa: ANN401
        self._press, self._observes, self._draws = press, observes, draws

    def compress(self, module: Any, hidden_states: Any, keys: Any, values: Any, *rest: Any) -> States:  # noqa: ANN401
        import torch

        if keys.shape[2] <= self._observes:
            return keys, values
        with torch.random.fork_rng(enabled=self._draws):
            if self._draws:
                torch.manual_seed(module.layer_idx)
            kept: States = self._press.compress(module, hidden_states, keys, values, *rest)
        return kept


@dataclass(frozen=True)
class LibraryEvicting(Library, Evicting):
    """A press of kvpress that gives up a share."""


@dataclass(frozen=True)
class Random(LibraryEvicting):
    """Keep random tokens: the control that a method must beat."""

    seed: int = 0

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.RandomPress(self.ratio, self.seed)


@dataclass(frozen=True)
class StreamingLLM(LibraryEvicting):
    """Keep `sinks` tokens at the start, on which attention rests, and then the most recent ones.

    Source: Xiao et al., ICLR 2024, arXiv 2309.17453. The paper numbers positions anew inside the cache, so that a stream
    can outgrow the model's positions; here a prompt fits the window, and positions stay what they were.
    """

    sinks: int = 4

    @property
    def observes(self) -> int:
        return self.sinks

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.StreamingLLMPress(self.ratio, self.sinks)


@dataclass(frozen=True)
class SnapKV(LibraryEvicting):
    """Keep what the last `observed` tokens of the text attend to, smoothed over `kernel` neighbours, and those tokens.

    Source: Li et al., NeurIPS 2024, arXiv 2404.14469 (window 32, kernel 5). With `sees = "question"` the text's end is
    the question, as in the paper; else it is the document's.
    """

    observed: int = 32
    kernel: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {self.kernel}")

    @property
    def window(self) -> int:
        return self.observed + 1  # kvpress wants to see one more than it looks from

    @property
    def observes(self) -> int:
        return self.observed

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.SnapKVPress(self.ratio, self.observed, self.kernel)


@dataclass(frozen=True)
class PyramidKV(SnapKV):
    """SnapKV with more for the lower layers than for the upper: the budget falls from layer to layer.

    Source: Cai et al., arXiv 2406.02069 (beta 20). Where the pyramid would leave a layer less than the window, all layers
    get the same.
    """

    beta: int = 20

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.PyramidKVPress(self.ratio, self.observed, self.kernel, self.beta)


@dataclass(frozen=True)
class TOVA(LibraryEvicting):
    """Keep what the last token attends to, on average over the heads.

    Source: Oren et al., arXiv 2401.06104. Applied once at the text's end, as kvpress does, not at every new token.
    """

    @property
    def observes(self) -> int:
        return 1

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.TOVAPress(self.ratio)


@dataclass(frozen=True)
class Finch(SnapKV):
    """SnapKV with each row of attention weighted by the tokens that it is shared out over.

    Source: Corallo and Papotti, TACL 2024, arXiv 2408.00167. The paper looks from the question, whatever its length; here
    from the last `observed` tokens, in one chunk, and keys keep their positions.
    """

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        made = kvpress.FinchPress(self.ratio, rerotate_keys=False)
        made.window_size = self.observed
        return made


@dataclass(frozen=True)
class ExpectedAttention(LibraryEvicting):
    """Keep what queries to come would attend to, if they are like the text's own, times the length of the value.

    Source: Devoto et al., arXiv 2510.00636 (512 positions to come, the first 4 tokens kept).
    """

    future: int = 512
    sinks: int = 4

    from_all: ClassVar[bool] = True

    @property
    def observes(self) -> int:
        return self.sinks

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.ExpectedAttentionPress(self.ratio, self.future, self.sinks)


@dataclass(frozen=True)
class KNorm(LibraryEvicting):
    """Keep the shortest keys: those of great length get little attention.

    In the lowest layer a token's keys are equally long wherever it stands, so the last bits decide which of them stay.

    Source: Devoto et al., EMNLP 2024, arXiv 2406.11430.
    """

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.KnormPress(self.ratio)


@dataclass(frozen=True)
class KeyDiff(LibraryEvicting):
    """Keep the keys that are least like the mean of all.

    Source: Park et al., arXiv 2504.15364.
    """

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.KeyDiffPress(self.ratio)


@dataclass(frozen=True)
class LagKV(LibraryEvicting):
    """Keep keys and values that stand out within a stretch, measured by the spread of the stretch that follows.

    Source: Liang et al., arXiv 2504.04704 (stretches of 128, the first 4 tokens kept).
    """

    lag: int = 128
    sinks: int = 4

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.LagKVPress(self.ratio, self.sinks, self.lag)


@dataclass(frozen=True)
class CUR(LibraryEvicting):
    """Keep the keys and values of greatest leverage, estimated by their lengths within stretches of 16.

    Source: Sengupta et al., arXiv 2509.15038 (CurDKV).
    """

    sinks: int = 4

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.CURPress(self.ratio, num_sinks=self.sinks)


@dataclass(frozen=True)
class Cap(LibraryEvicting):
    """Keep the values of greatest leverage among those that queries to come would attend to.

    Source: CapKV, arXiv 2604.25975, as kvpress has it (temperature 5, the first 4 tokens kept).
    """

    sharpness: float = 5.0
    sinks: int = 4

    from_all: ClassVar[bool] = True

    @property
    def observes(self) -> int:
        return self.sinks

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.CapPress(self.ratio, tau=self.sharpness, n_sink=self.sinks)


@dataclass(frozen=True)
class Leverage(LibraryEvicting):
    """Keep the keys of greatest statistical leverage, before they are turned, estimated by a random sketch.

    Source: Chari and Van Durme, arXiv 2507.08143, one half of Compactor (sketch of 48).
    """

    draws: ClassVar[bool] = True

    sketch: int = 48

    from_all: ClassVar[bool] = True

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.LeverageScorePress(self.ratio, self.sketch)


@dataclass(frozen=True)
class NonCausal(LibraryEvicting):
    """Keep what the tokens of the same stretch attend to, those before it included, times the length of the value.

    Source: Chari and Van Durme, arXiv 2507.08143, the other half of Compactor (stretches of 256).
    """

    stretch: int = 256

    from_all: ClassVar[bool] = True

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.NonCausalAttnPress(self.ratio, self.stretch)


@dataclass(frozen=True)
class Compactor(LibraryEvicting):
    """Keep what has leverage or is attended to within its stretch, the first 8 and last 4 tokens always.

    Source: Chari and Van Durme, arXiv 2507.08143.
    """

    draws: ClassVar[bool] = True

    from_all: ClassVar[bool] = True

    @property
    def observes(self) -> int:
        return 12

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.CompactorPress(self.ratio)


@dataclass(frozen=True)
class SimLayerKV(Library):
    """Lazy layers, whose last token attends to the first and the latest tokens only, keep those; the others keep all.

    Args:
        lazy: the share of attention on the first and latest tokens above which a layer is lazy; 1 changes nothing.
        recent: how many latest tokens a lazy layer keeps.
        sinks: how many first ones.

    Source: Zhang et al., arXiv 2410.13846 (the authors take 0.9 for Llama 3; the first 4 and the latest 1,024 tokens).
    What is kept follows from the text: there is no ratio.
    """

    lazy: float = 0.9
    recent: int = 1024
    sinks: int = 4

    @property
    def window(self) -> int:
        return 2

    @property
    def observes(self) -> int:
        return self.recent + self.sinks + 1

    def footprint(self, length: int, bits: int = 16) -> Footprint:  # noqa: ARG002
        return Footprint(bits=bits)  # at most: it depends on the text

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.SimLayerKVPress(self.lazy, n_recent=self.recent, n_initial=self.sinks)


@dataclass(frozen=True)
class ThinK(LibraryEvicting):
    """Give up the channels of keys that the last 32 tokens' queries make least of; all tokens stay.

    `ratio` is of keys and values together, as everywhere, so at most 0.5: 0.3 gives up 60% of the keys' channels.

    Source: Xu et al., ICLR 2025, arXiv 2407.21018.
    """

    ratio: float = 0.2
    observed: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ratio >= 0.5:
            raise ValueError(
                f"ThinK gives up channels of keys, less than half of all numbers; got ratio = {self.ratio}"
            )

    @property
    def window(self) -> int:
        return self.observed

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.ThinKPress(2 * self.ratio, self.observed)
