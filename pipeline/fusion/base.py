"""What a way of putting passages together is: where they stand, how they are weighed, which tokens are computed anew."""

from dataclasses import dataclass
from typing import ClassVar

from rlc.data.protocols import Prompt


@dataclass(frozen=True)
class Fusion:
    """How keys and values of passages that were read apart make one prompt.

    Args:
        own_places: every passage stands at its own place in the text, or all of them at the same one.
        temperature: divides the question's attention logits towards the passages (APE).
        scale: of the weight of all passages together against the rest of the prompt (APE).
        recomputed: the share of the passages' tokens that is computed anew with everything before them in sight
            (CacheBlend), in [0, 1].
        check: the layer, counted from 0, by whose change of values those tokens are chosen.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("torch", "transformers")

    own_places: bool = True
    temperature: float = 1.0
    scale: float = 1.0
    recomputed: float = 0.0
    check: int = 1

    def __post_init__(self) -> None:
        if self.temperature <= 0 or self.scale <= 0:
            raise ValueError(
                f"temperature and scale must be above 0, got {self.temperature} and {self.scale}"
            )
        if not 0 <= self.recomputed <= 1 or self.check < 0:
            raise ValueError(
                f"recomputed is a share in [0, 1] and check a layer from 0, got {self.recomputed} and {self.check}"
            )
        if self.recomputed and not self.own_places:
            raise ValueError(
                "tokens that are computed anew see the passages before theirs, so passages must stand at their own places"
            )

    @property
    def weighs(self) -> bool:
        """Whether passages are weighed otherwise than the rest of the prompt."""
        return (self.temperature, self.scale) != (1.0, 1.0)


@dataclass(frozen=True)
class PassagesPrompt(Prompt):
    """A prompt whose `prefix` holds `passages`, one behind the other."""

    passages: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells the prompt apart: its texts, and where one passage ends and the next begins."""
        return (*self.parts, *self.passages)
