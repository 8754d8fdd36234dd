"""How a text is read under a press: in one step or many, and what is left of it when it is read to its end."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rlc.pipeline.kv.base import Press

if TYPE_CHECKING:
    import torch


@dataclass
class Left:
    """What a press has left of a text.

    `cache` holds each layer's keys and values. `given_up`, by layer, marks those that single heads do without,
    [kv heads, kept], where heads keep different ones; the cache still holds them, and attention passes over them.
    `tokens` were read, `numbers` would have to be stored, `bytes` is their size.
    """

    cache: Any
    tokens: int = 0
    given_up: "dict[int, torch.Tensor]" = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)
    numbers: int = 0
    bytes: int = 0

    def add(self, index: int, module: Any, keys: "torch.Tensor", values: "torch.Tensor") -> None:  # noqa: ANN401
        """Take a layer's keys and values, and what its heads have named as given up."""
        import torch

        self.cache.update(keys, values, index)
        heads, length = keys.shape[1:3]
        kept = torch.full((heads,), length, device=keys.device)
        masked = getattr(module, "masked_key_indices", None)
        module.masked_key_indices = None  # kvpress would hold it against whatever the model reads next
        if masked is not None and len(masked[0]):
            gone = torch.zeros(heads, length, dtype=torch.bool, device=keys.device)
            gone[masked[1].to(keys.device), masked[2].to(keys.device)] = True
            self.given_up[index] = gone
            kept = kept - gone.sum(-1)
        # A channel that is zero for all tokens of a head (ThinK) need not be stored.
        channels = sum((one[0] != 0).any(dim=1).sum(-1) for one in (keys, values))
        self.lengths.append(length)
        self.numbers += int((kept * channels).sum())

    def weigh(self, tokens: int, press: Press, model_bits: int) -> None:
        """Note how many tokens were read, and the size of what is left."""
        self.tokens = tokens
        self.bytes = round(self.numbers * press.footprint(tokens, model_bits).bits / 8)

    def cut(self) -> None:
        """Cut the cache back to what was left, without the question and the answer that were computed on it."""
        for layer, length in zip(self.cache.layers, self.lengths, strict=True):
            layer.keys, layer.values = layer.keys[..., :length, :], layer.values[..., :length, :]

    @property
    def beyond(self) -> int:
        """Bytes of what the cache holds after the text."""
        return sum(
            int(one[..., length:, :].nbytes)
            for layer, length in zip(self.cache.layers, self.lengths, strict=True)
            for one in (layer.keys, layer.values)
        )

    @contextmanager
    def attended(self, attentions: list[Any]) -> Iterator[None]:
        """What is computed inside attends to what is left: layers may hold different numbers of tokens, and so may heads."""
        with ExitStack() as hooks:
            for index, attention in enumerate(attentions):
                hook = attention.register_forward_pre_hook(self._masking(index), with_kwargs=True)
                hooks.callback(hook.remove)
            yield

    def _masking(self, index: int) -> Any:  # noqa: ANN401 - a hook
        def mask(module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
            states = kwargs["hidden_states"]
            new = states.shape[1]
            gone = self.given_up.get(index)
            if new == 1 and gone is None:
                return args, kwargs | {"attention_mask": None}
            held = self.cache.layers[index].get_seq_length()
            lowest = states.new_tensor(float("-inf"))
            rows = states.new_zeros(1, new, held + new).masked_fill(_later(states, held, new), lowest)
            if gone is not None:
                rows = rows.repeat(len(gone), 1, 1)
                rows[..., : gone.shape[1]].masked_fill_(gone[:, None], lowest)
                rows = rows.repeat_interleave(module.num_key_value_groups, dim=0)
            return args, kwargs | {"attention_mask": rows[None]}

        return mask


def _later(states: "torch.Tensor", held: int, new: int) -> "torch.Tensor":
    """Which of the keys stand after each of the new tokens, [1, new, held + new]."""
    import torch

    keys, rows = torch.arange(held + new, device=states.device), torch.arange(new, device=states.device)
    return (keys > (rows + held)[:, None])[None]


class Pressing:
    """Watches a text being read and keeps the hidden states that a press asks for.

    Steps and one pass come to the same: the press compresses each layer once, when the text is read to its end. A press
    that needs the hidden states of all tokens costs their memory in all layers, but for a text that is read in one step,
    where each layer's are used at once.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401
        attentions: list[Any],
        press: Press,
        *,
        again: bool,
    ) -> None:
        self.window = press.window
        self._again = again  # whether the text goes on after it was kept, with another question
        self.worker = press.begin(model)
        self._model = model
        self._rotary = model.model.rotary_emb
        self._attentions = attentions
        for attention in attentions:
            attention.rotary_emb = self._rotary  # kvpress looks for it there
        self.forget()

    def forget(self) -> None:
        """Let go of what was seen."""
        self.length = 0
        self._seen: dict[int, list[torch.Tensor]] = {}

    def cut(self, length: int) -> bool:
        """Go back to the text's first tokens; False where they were not seen by a press that needs to see all."""
        if self.window is None and length > self.length:
            return False
        if self.window is None and length < self.length:
            import torch

            self._seen = {i: [torch.cat(some, 1)[:, :length]] for i, some in self._seen.items()}
        if self.window is not None:
            self._seen = {}
        self.length = length
        return True

    @contextmanager
    def step(self, count: int, left: Left | None = None) -> Iterator[None]:
        """Inside, so many tokens are read; with the last of the text, what is kept is put into `left`."""
        with ExitStack() as hooks:
            for index, attention in enumerate(self._attentions):
                hook = attention.register_forward_hook(self._watching(index, count, left), with_kwargs=True)
                hooks.callback(hook.remove)
            yield
        self.length += count

    def reread(self, ids: list[int], cache: Any, left: Left) -> None:  # noqa: ANN401 - a transformers cache
        """Read a text under a press that goes over it more than once."""
        import torch

        with torch.inference_mode(mode=False), torch.no_grad(), self.worker(self._model):
            self._model.model(input_ids=torch.tensor([ids], device=self._model.device), past_key_values=cache)
        for index, (attention, layer) in enumerate(zip(self._attentions, cache.layers, strict=True)):
            left.add(index, attention, layer.keys, layer.values)

    def _watching(self, index: int, count: int, left: Left | None) -> Any:  # noqa: ANN401 - a hook
        def watch(module: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:  # noqa: ANN401, ARG001
            import torch

            seen = self._seen.setdefault(index, [])
            seen.append(kwargs["hidden_states"])
            if left is None:
                if self.window is not None:
                    self._seen[index] = [torch.cat(seen, 1)[:, -self.window :]]
                return
            states = torch.cat(seen, 1) if len(seen) > 1 else seen[0]
            end = self.length + count
            places = torch.arange(end - states.shape[1], end, device=states.device)
            layer = kwargs["past_key_values"].layers[index]
            told = kwargs | {
                "hidden_states": states,
                "position_embeddings": self._rotary(states, places[None]),
                "cache_position": places,
            }
            # A press may write into what it is given; the whole stays as it is.
            keys, values = layer.keys.clone(), layer.values.clone()
            keys, values = self.worker.compress(module, states, keys, values, None, told)
            left.add(index, module, keys, values)
            if self.window is not None or not self._again:
                self._seen.pop(index)

        return watch
