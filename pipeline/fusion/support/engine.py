"""An engine that reads the passages of a prompt apart, each once, and puts them together."""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rlc.data.errors import ContextOverflowError, UsageError
from rlc.data.protocols import LLM, Prompt
from rlc.pipeline.fusion.base import Fusion, PassagesPrompt
from rlc.pipeline.llms.support.adapted import AdaptedLLM, Begun
from rlc.pipeline.llms.support.llama_like import check_llama_like
from rlc.pipeline.llms.support.reading import Reading

if TYPE_CHECKING:
    from rlc.pipeline.fusion.support.passages import Pairs
    from rlc.pipeline.llms.hf import HfLLM


@dataclass(frozen=True)
class ReadApart:
    """A `rlc.data.protocols.Way`: passages are read apart and put together by a fusion.

    `memory_gib` bounds what is kept of passages, in GiB; those that were used longest ago go first.
    """

    fusion: Fusion
    memory_gib: float

    @property
    def identity(self) -> str:
        """What tells it from other ways; the memory changes no answer."""
        return repr(self.fusion)

    def over(self, engine: "HfLLM") -> LLM:
        """The engine over another's model."""
        return FusingLLM(engine, self.fusion, int(self.memory_gib * 2**30))


class FusingLLM(AdaptedLLM):
    """Reads `PassagesPrompt`s: the text before the passages once, each passage once behind it, the question at the end.

    Args:
        engine: whose model reads.
        fusion: how passages are put together.
        memory: bytes of keys and values of passages that are kept between prompts.
    """

    what = "putting passages together"

    def __init__(self, engine: "HfLLM", fusion: Fusion, memory: int) -> None:
        super().__init__(engine)
        self._fusion = fusion
        self._shelf = Shelf(memory)

    def check(self) -> None:
        """Hold that keys can be moved and computed anew.

        Raises:
            UnsupportedError: if the model's layers are not like Llama's.
        """
        super().check()
        check_llama_like(self.engine._config | self.engine._changes, self.name, self.what)

    def read(self, prompt: Prompt, limit: int) -> Begun:
        """Put the passages together, each read now or before, and read the question behind them."""
        from rlc.pipeline.fusion.support.adaptive import NAME
        from rlc.pipeline.fusion.support.passages import fuse, read_apart

        engine, fusion = self.engine, self._fusion
        model = engine._model
        if fusion.recomputed and fusion.check >= len(model.model.layers):
            raise UsageError(
                f"check is a layer of {self.name}, from 0 to {len(model.model.layers) - 1}; got {fusion.check}"
            )
        passages = [one for one in prompt.passages if one] if isinstance(prompt, PassagesPrompt) else []
        head, *middle, tail = self.engine._chat.encode_apart(prompt, passages)
        ends = [len(ids) for ids in middle]
        place = len(head) + (sum(ends) if fusion.own_places else max(ends, default=0)) + len(tail)
        if place + limit > engine.window + engine._thinking_room:
            raise ContextOverflowError(
                f"passages up to place {place} and an answer of {limit} tokens exceed the window of {self.window}: take "
                "fewer or smaller passages, or a smaller max_tokens"
            )
        before, new = self._shelf.take((tuple(head),), lambda: read_apart(model, head)) if head else ([], 0)
        held = []
        for ids in middle:
            key = (tuple(head), tuple(ids))
            pairs, fresh = self._shelf.take(key, partial(read_apart, model, ids, before))
            held.append((ids, pairs))
            new += fresh
        fused = fuse(model, (head, before), held, fusion)
        reading = Reading(model, fused.cache, fused.place, engine._step)
        if fusion.weighs and middle:
            context = (len(head), len(head) + sum(ends))
            reading.wishes = {
                "ape": {"context": context, "temperature": fusion.temperature, "scale": fusion.scale}
            }
            model.set_attn_implementation(NAME)  # until the answer is written: see `attending`
        logits = reading.read(tail)[-1]
        given = [*head, *(token for ids in middle for token in ids), *tail]
        # A token that was read now and computed anew is computed twice: it is not kept, and that is all one can say.
        kept = len(given) - len(tail) - max(new, math.ceil(fused.renewed))
        return Begun(reading, logits, given, kept)

    @contextmanager
    def attending(self) -> Iterator[None]:
        """The model has its own attention again at the end."""
        model = self.engine._model
        kernels = model.config._attn_implementation
        try:
            yield
        finally:
            model.set_attn_implementation(kernels)


class Shelf:
    """Keys and values of texts by their tokens, in a bounded memory; those that were taken longest ago go first."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._held: OrderedDict[Hashable, Pairs] = OrderedDict()
        self._size = 0

    def take(self, key: tuple[tuple[int, ...], ...], read: Callable[[], "Pairs"]) -> tuple["Pairs", int]:
        """Keys and values of the last text of `key`, and how many of its tokens were computed for this."""
        fresh = 0
        if key not in self._held:
            self._held[key] = read()
            self._size += _bytes(self._held[key])
            fresh = len(key[-1])
        self._held.move_to_end(key)
        pairs = self._held[key]
        while self._size > self._memory:
            self._size -= _bytes(self._held.popitem(last=False)[1])
        return pairs, fresh


def _bytes(pairs: "Pairs") -> int:
    return sum(int(states.nbytes) for pair in pairs for states in pair)
