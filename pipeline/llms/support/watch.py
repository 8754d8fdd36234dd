"""Watching: what chosen layers of a model attend to, shown while it is computed and kept by nobody.

`output_attentions` keeps heads x rows x tokens numbers of every layer until the pass is over; here one layer's are
there for a moment.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from rlc.data.errors import ContextOverflowError, EngineError, UnsupportedError, describe
from rlc.data.protocols import Floats, Prompt, Seen, Watched
from rlc.data.records import Usage
from rlc.pipeline.llms.support.chat import Chat

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

NAME = "rlc-watch"  # of the attention function, in transformers' table
KERNELS = "sdpa"  # the only one whose numbers are certain to be those that are shown


@dataclass
class _Look:
    """What is done with the attention of which layers, and what came of each."""

    see: Callable[[int, Floats], Any]
    layers: frozenset[int]
    made: dict[int, Any] = field(default_factory=dict)


_LOOK: ContextVar[_Look | None] = ContextVar("look", default=None)


def first_row(tokens: NDArray[np.int64], since: int | None) -> int:
    """The place of the first token that shows its attention: the first that ends beyond `since`, or the last of all.

    Raises:
        ValueError: if no token of the text stands there.
    """
    if since is None:
        return len(tokens) - 1
    first, last = tokens.T
    later = np.flatnonzero((first < last) & (last > since))
    if not len(later):
        raise ValueError(f"no token of the prompt's text stands from character {since} on")
    return int(later[0])


def chosen_layers(layers: Sequence[int] | None, depth: int) -> list[int]:
    """The layers that are meant, in order, counted from 0.

    Raises:
        ValueError: if there is no such layer.
    """
    if layers is None:
        return list(range(depth))
    if not layers or not all(-depth <= layer < depth for layer in layers):
        raise ValueError(f"layers must be in [-{depth}, {depth}), and at least one; got {list(layers)}")
    return sorted({layer % depth for layer in layers})


@contextmanager
def watched(
    model: Any,  # noqa: ANN401 - a transformers model
    see: Callable[[int, Floats], T],
    layers: Sequence[int],
) -> Iterator[dict[int, T]]:
    """Show what the layers attend to in the forward passes inside; what `see` makes of it is in the yielded mapping.

    The model computes what it would compute anyhow. `see` gets the layer's number and float32 [heads, rows, tokens].

    Raises:
        UnsupportedError: if the model attends by other kernels than SDPA, or shows no attention of one of the layers.
    """
    kernels = model.config._attn_implementation
    if kernels != KERNELS:
        raise UnsupportedError(
            f"this model attends by {kernels!r}; what it looks at can be shown of {KERNELS!r} only"
        )
    _register()
    look = _Look(see, frozenset(layers))
    token = _LOOK.set(look)
    model.set_attn_implementation(NAME)
    try:
        yield look.made
    finally:
        model.set_attn_implementation(kernels)
        _LOOK.reset(token)
    if missing := sorted(look.layers - look.made.keys()):
        raise UnsupportedError(
            f"{type(model).__name__} does not compute the attention of its layers {missing} by transformers' attention "
            "functions, so it cannot be shown; take a model such as Llama, Qwen or Mistral"
        )


@cache
def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)


def _attend(
    module: Any,  # noqa: ANN401 - an attention layer
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: "torch.Tensor | None",
    dropout: float = 0.0,  # others call by places
    scaling: float | None = None,
    **rest: Any,  # noqa: ANN401 - transformers' own
) -> tuple["torch.Tensor", None]:
    """Attend as SDPA does, and show the weights."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    look = _LOOK.get()
    if look is not None and module.layer_idx in look.layers:
        shown = weights(query[0], key[0], attention_mask, scaling)
        look.made[module.layer_idx] = look.see(module.layer_idx, shown.cpu().numpy())
    out, _ = sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **rest)
    return out, None


def weights(
    query: "torch.Tensor", key: "torch.Tensor", mask: "torch.Tensor | None", scaling: float | None
) -> "torch.Tensor":
    """Softmax of the scaled products of queries and keys, float32 [heads, rows, tokens].

    Args:
        query: [heads, rows, dimension].
        key: [key heads, tokens, dimension]; a key head serves as many neighbouring heads as come on it.
        mask: True, or 0, where a row may look, broadcast to [1, heads, rows, tokens]; without one a row sees all
            tokens up to its own, the last row's being the last.
        scaling: of the products; by default one over the root of the dimension.
    """
    import torch

    heads, rows, dimension = query.shape
    groups, tokens, _ = key.shape
    scale = dimension**-0.5 if scaling is None else scaling
    grouped = query.reshape(groups, -1, dimension) @ key.transpose(1, 2)
    logits = grouped.reshape(heads, rows, tokens).float() * scale
    if mask is None:
        places = torch.arange(tokens, device=logits.device)
        logits = logits.masked_fill(places > places[tokens - rows :, None], float("-inf"))
    elif mask.dtype == torch.bool:
        logits = logits.masked_fill(~mask[0], float("-inf"))
    else:
        logits = logits + mask[0].float()
    return logits.softmax(-1)


class _Reads(Protocol):
    """What an engine must have so that it can be watched."""

    name: str

    @property
    def window(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def _chat(self) -> Chat: ...
    @property
    def _model(self) -> Any: ...  # noqa: ANN401 - a transformers model
    @property
    def _step(self) -> int: ...
    def _keep_shared(self, ids: list[int]) -> int: ...
    def _forget(self) -> None: ...
    def _forward(self, ids: list[int]) -> Any: ...  # noqa: ANN401 - logits


class Watching:
    """The half of an engine in this process that shows what its model looks at (`rlc.data.protocols.Attending`)."""

    _config: Any

    @property
    def depth(self) -> int:
        """The number of layers."""
        return int(self._config["num_hidden_layers"])

    def watch(
        self: _Reads,
        prompt: Prompt,
        see: Callable[[Seen], T],
        *,
        since: int | None = None,
        layers: Sequence[int] | None = None,
    ) -> Watched[T]:
        """Show what the model looks at while it reads a prompt: see `rlc.data.protocols.Attending`.

        The prompt's keys and values are kept for what is asked next, and of what the last prompt shared with it nothing
        is computed again before the rows.
        """
        import torch

        chosen = chosen_layers(layers, self.depth)
        ids, spans = self._chat.encode_with_spans(prompt)
        tokens, numbers = np.array(spans, np.int64).reshape(-1, 2), np.array(ids, np.int64)
        first = first_row(tokens, since)
        if len(ids) > self.window:
            raise ContextOverflowError(
                f"a prompt of {len(ids)} tokens exceeds the window of {self.window} of {self.name}: take fewer or smaller "
                "passages"
            )

        def show(layer: int, attention: Floats) -> T:
            if attention.shape[-1] != len(ids):
                raise UnsupportedError(
                    f"layer {layer} sees {attention.shape[-1]} of the prompt's {len(ids)} tokens: keys were dropped, so "
                    "nobody can tell what it looks at; use the engine hf, and a model without a sliding window"
                )
            return see(Seen(layer, attention, tokens, numbers))

        model = self._model  # loaded before the clock starts
        started = time.perf_counter()
        try:
            with torch.inference_mode():
                kept = self._keep_shared(ids[: first + 1])
                for start in range(kept, first, self._step):
                    self._forward(ids[start : min(start + self._step, first)])
                with watched(model, show, chosen) as made:
                    self._forward(ids[first:])
        except (RuntimeError, MemoryError) as error:  # torch's own failures are RuntimeErrors
            self._forget()
            raise EngineError(describe(error)) from error
        seconds = time.perf_counter() - started
        usage = Usage(prompt_tokens=len(ids), cached_tokens=kept, prefill_seconds=seconds, seconds=seconds)
        return Watched([made[layer] for layer in chosen], usage)
