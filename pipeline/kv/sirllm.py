"""SirLLM: keep the tokens that the model did not expect."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rlc.pipeline.kv.base import Evicting, best, taken

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class SirLLM(Evicting):
    """Keep the first tokens and those of the largest entropy, which is what the model found least likely.

    A token's entropy is its negative log-probability after all before it, the same for every layer and head. It fades by
    `decay` for every `turn` tokens that follow, so that a model in a long talk forgets.

    Source: Yao et al., ACL 2024, arXiv 2405.12528 (4 first tokens, no decay for facts to be recalled, 0.7 and 0.9 in talk).
    The paper evicts turn by turn of a talk; here once, when the text is read, and a turn is so many tokens.

    Args:
        sinks: the first tokens, which always stay.
        decay: what an entropy is multiplied by for every turn that follows, in (0, 1].
        turn: tokens of a turn.
    """

    sights: ClassVar[tuple[str, ...]] = ("document",)
    rereads: ClassVar[bool] = (
        True  # it needs the likelihood of every token, which no layer's attention is given
    )

    sinks: int = 4
    decay: float = 1.0
    turn: int = 1024

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay is a factor in (0, 1], got {self.decay}")

    @contextmanager
    def __call__(self, model: Any) -> Iterator[None]:  # noqa: ANN401 - a transformers model
        """Inside, the model reads a text; afterwards its cache holds what is kept."""
        read: dict[str, Any] = {}

        def see(module: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:  # noqa: ANN401, ARG001
            read.update(kwargs, states=output.last_hidden_state)

        hook = model.model.register_forward_hook(see, with_kwargs=True)
        try:
            yield
        finally:
            hook.remove()
        scores = entropies(model.lm_head, read["states"][0], read["input_ids"][0])
        length = len(scores)
        scores *= self.decay ** ((length - 1 - _places(scores)) // self.turn)
        scores[: self.sinks] = float("inf")
        kept = best(scores[None, None], self.budget(length))
        for layer in read["past_key_values"].layers:
            places = kept.expand(1, layer.keys.shape[1], -1)
            layer.keys, layer.values = taken((layer.keys, layer.values), places)


def entropies(head: Any, states: "torch.Tensor", ids: "torch.Tensor", block: int = 256) -> "torch.Tensor":  # noqa: ANN401
    """The negative log-probability (natural) of each token after those before it, [tokens]; the first has 0.

    `states`, [tokens, width], are the model's last, and `head` makes logits of them. Only `block` rows of logits are held at
    a time.
    """
    import torch

    found = [torch.zeros(1, device=states.device)]
    for start in range(0, len(ids) - 1, block):
        following = ids[start + 1 : start + 1 + block]
        logits = head(states[start : start + len(following)]).float()
        found.append(torch.nn.functional.cross_entropy(logits, following, reduction="none"))
    return torch.cat(found)


def _places(scores: "torch.Tensor") -> "torch.Tensor":
    import torch

    return torch.arange(len(scores), device=scores.device)
