"""SpecKV: keep what a draft of the answer looks at."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from rlc.data.errors import UnsupportedError
from rlc.data.protocols import LLM
from rlc.pipeline.kv.base import Evicting, States, best, taken
from rlc.pipeline.kv.support.states import attention
from rlc.pipeline.llms.support.reading import Reading

if TYPE_CHECKING:
    import torch

    from rlc.pipeline.llms.hf import HfLLM


@dataclass(frozen=True)
class SpecKV(Evicting):
    """Keep the last `observed` tokens, and what they and the tokens of a drafted answer attend to most.

    A drafter reads the text and writes up to `ahead` tokens, the likeliest ones. The model reads them behind the text, and a
    key is worth the most attention that any of these rows and of its query heads pays to it or to one of its `kernel`
    neighbours. Then the draft is taken back.

    Source: Galim et al., arXiv 2506.08373 (window 64, the largest of rows and neighbours). The authors draft with a smaller
    model and as many tokens as the answer may have; their sparse prefill is left out, for it saves time and no memory.

    Args:
        ratio: the share that is given up, in [0, 1).
        drafter: an engine `hf` over a smaller model with the same tokens; None lets the model draft for itself.
        ahead: tokens of a draft, at most.
        observed: the text's last tokens, which stay and are looked from.
        kernel: neighbours that share their score, odd.
    """

    sights: ClassVar[tuple[str, ...]] = ("question",)

    drafter: LLM | None = field(default=None, repr=False)
    ahead: int = 32
    observed: int = 64
    kernel: int = 7

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {self.kernel}")

    @property
    def window(self) -> int:
        return self.observed + self.ahead

    @property
    def drafts(self) -> bool:
        return True

    def check(self, engine: "HfLLM") -> None:
        """Hold that the drafter can be reached and speaks the model's tokens.

        Raises:
            UnsupportedError: if not.
        """
        from rlc.pipeline.llms.support.adapted import check_engine

        drafter: Any = self.drafter
        if drafter is None:
            return
        check_engine(drafter, "drafting for spec-kv")
        if engine._chat.codec.get_vocab() != drafter._chat.codec.get_vocab():
            raise UnsupportedError(
                f"{drafter.name} cannot draft for {engine.name}: their tokens are others; take a drafter of the same family"
            )

    def begin(self, model: Any) -> "Drafted":  # noqa: ANN401
        """What drafts with the drafter's model, or this one."""
        drafter: Any = self.drafter
        return Drafted(self, Reading(model if drafter is None else drafter._model))


@dataclass
class Drafted:
    """Writes drafts, and compresses texts behind which the last one stands."""

    how: SpecKV
    reading: Reading
    count: int = 0

    def draft(self, ids: Sequence[int]) -> list[int]:
        """The tokens that are likely to follow; none where the drafter would end."""
        ends = self.reading.model.generation_config.eos_token_id
        ends = set(ends) if isinstance(ends, list) else {ends}
        written: list[int] = []
        fresh = list(ids[self.reading.begin(ids) :])
        while len(written) < self.how.ahead:
            token = int(self.reading.read(fresh)[-1].argmax())
            if token in ends:
                break
            written.append(token)
            fresh = [token]
        self.count = len(written)
        return written

    def compress(
        self,
        module: Any,  # noqa: ANN401
        hidden_states: "torch.Tensor",
        keys: "torch.Tensor",
        values: "torch.Tensor",
        attentions: "torch.Tensor | None",  # noqa: ARG002 - kvpress's contract
        kwargs: dict[str, Any],
    ) -> States:
        """Keep of the text what the draft and the text's end look at; the draft goes."""
        import torch

        how, length = self.how, keys.shape[2] - self.count
        states = keys[:, :, :length], values[:, :, :length]
        if not how.ratio:
            return states
        rows = slice(-(how.observed + self.count), None)
        turns = tuple(one[:, rows] for one in kwargs["position_embeddings"])
        paid = attention(module, hidden_states[:, rows], keys, turns)[..., :length]
        most = paid.amax((2, 3))
        scores = torch.nn.functional.max_pool1d(most, how.kernel, stride=1, padding=how.kernel // 2)
        scores[..., -how.observed :] = float("inf")
        return taken(states, best(scores, how.budget(length)))
