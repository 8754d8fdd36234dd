"""A text that is read whole, once for all presses over the same weights: its cache, and what presses want to look at."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

from rlc.pipeline.kv.base import Compresses, Press
from rlc.pipeline.kv.support.left import Left
from rlc.pipeline.llms.support.batching import shared_tokens
from rlc.pipeline.llms.support.growing_cache import growing_cache
from rlc.pipeline.llms.support.reading import Reading

if TYPE_CHECKING:
    import torch


@dataclass(eq=False)
class Whole(Reading):
    """A reading that keeps the hidden states which each layer's attention was given.

    Without `keeps_all` they are those of the last tokens, as many as a press asks for; with it, which a press sets that
    needs the hidden states of the whole text, they are all, at the price of their memory in all layers. Steps and one pass come
    to the same, for presses work on what has been read. `known`, by layer, is what they found in it whatever their budget.
    """

    keeps_all: bool = False
    hidden: "list[list[torch.Tensor]]" = field(default_factory=list)
    known: "list[dict[str, torch.Tensor]]" = field(default_factory=list)
    let_go: "WeakMethod[Callable[[], None]] | None" = None

    def __post_init__(self) -> None:
        for attention in self.attentions:
            attention.rotary_emb = self.model.model.rotary_emb  # kvpress looks for it there
        self.forget()

    @property
    def attentions(self) -> list[Any]:
        """The attention of every layer."""
        return [layer.self_attn for layer in self.model.model.layers]

    def forget(self) -> None:
        """Let go of all that was read."""
        self.cache, self.place, self.ids = growing_cache(), 0, []
        self.hidden = [[] for _ in self.attentions]
        self.known = [{} for _ in self.attentions]

    def hand_to(self, let_go: Callable[[], None]) -> None:
        """Note who answers from the text now: of dozens of engines over the same weights one at a time holds a part of it.

        Who did before lets go of it, by the method that it has given here.
        """
        before = self.let_go and self.let_go()
        if before is not None and before != let_go:
            before()
        self.let_go = WeakMethod(let_go)

    def begin_for(self, ids: Sequence[int], press: Press, least: int) -> int:
        """Cut back to what was read of `ids` already; return how many tokens that is.

        At least so many tokens are left to be read, and as many as the press looks at, where they have not been kept.
        """
        if press.window is None and not self.keeps_all:
            self.keeps_all = True
            self.forget()
        if not self.keeps_all:
            least = max(least, press.window or 1)
            self.hidden = [[] for _ in self.hidden]
        shared = min(shared_tokens(self.ids, ids), max(0, len(ids) - least))
        # A pass that was broken off, by an interrupt say, leaves layers longer than was noted.
        if not shared or self.cache.get_seq_length() != len(self.ids):
            self.forget()
            return 0
        self.cut(len(self.ids) - shared)
        return shared

    def cut(self, tokens: int) -> None:
        """Take the last tokens back."""
        super().cut(tokens)
        if tokens:
            self.known = [{} for _ in self.known]
        for states in self.hidden:
            back = tokens
            while back and states:
                last = states.pop()
                if last.shape[1] > back:
                    states.append(last[:, : last.shape[1] - back])
                back = max(0, back - last.shape[1])

    def read_for(self, ids: Sequence[int], press: Press) -> "torch.Tensor":
        """Read on under the eyes of a press; logits [vocabulary] after the last of these tokens."""
        self.known = [{} for _ in self.known]
        with self._watched(press.window):
            return self.read(ids)[-1]

    @contextmanager
    def _watched(self, window: int | None) -> Iterator[None]:
        def watching(states: "list[torch.Tensor]") -> Any:  # noqa: ANN401 - a hook
            def watch(module: Any, args: Any, kwargs: Any) -> None:  # noqa: ANN401, ARG001
                states.append(kwargs["hidden_states"])
                while not self.keeps_all and sum(one.shape[1] for one in states[1:]) >= (window or 1):
                    states.pop(0)

            return watch

        with ExitStack() as hooks:
            for attention, states in zip(self.attentions, self.hidden, strict=True):
                hook = attention.register_forward_pre_hook(watching(states), with_kwargs=True)
                hooks.callback(hook.remove)
            yield

    def pressed(self, press: Press, worker: Any) -> Left:  # noqa: ANN401 - a `Compresses`, or one that drafts
        """What a press leaves of the text; the text itself stays as it is."""
        left = Left(list(self.ids))
        draft = worker.draft(left.ids) if press.drafts else []
        if draft:
            self.read_for(draft, press)
        self._press(press, worker, left)
        self.cut(len(draft))
        left.weigh(press, self.model.dtype.itemsize * 8)
        return left

    def _press(self, press: Press, worker: Compresses, left: Left) -> None:
        import torch

        for index, attention in enumerate(self.attentions):
            states = torch.cat(self.hidden[index], 1)[:, -(press.window or len(self.ids)) :]
            places = torch.arange(len(self.ids) - states.shape[1], len(self.ids), device=states.device)
            told = {
                "hidden_states": states,
                "position_embeddings": self.model.model.rotary_emb(states, places[None]),
                "cache_position": places,
                "known": self.known[index],
            }
            layer = self.cache.layers[index]
            keys, values = layer.keys.clone(), layer.values.clone()  # a press may write into what it is given
            left.add(index, attention, *worker.compress(attention, states, keys, values, None, told))

    def reread(self, ids: Sequence[int], press: Press, worker: Any) -> Left:  # noqa: ANN401 - a press of kvpress
        """What is left by a press that goes over the text more than once, in passes of its own."""
        import torch

        left = Left(list(ids))
        cache: Any = growing_cache()
        with torch.inference_mode(mode=False), torch.no_grad(), worker(self.model):
            self.model.model(
                input_ids=torch.tensor([left.ids], device=self.model.device), past_key_values=cache
            )
        for index, (attention, layer) in enumerate(zip(self.attentions, cache.layers, strict=True)):
            left.add(index, attention, layer.keys, layer.values)
        left.weigh(press, self.model.dtype.itemsize * 8)
        return left
