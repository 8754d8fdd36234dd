"""Answers one after the other: the cache of the last prompt stays, and the next is read from where it differs."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rlc.data.errors import ContextOverflowError
from rlc.data.records import Usage
from rlc.pipeline.llms.support.batching import shared_tokens
from rlc.pipeline.llms.support.reading import sent
from rlc.pipeline.llms.support.writing import Writing

if TYPE_CHECKING:
    import torch

EMPTY = "the prompt is empty: there is nothing to answer"


class OneByOne:
    """What a causal model has read, of one text. Subclasses have the model, and say whether its cache can be cut back.

    A model that forgets keeps nothing between prompts.
    """

    _model: Any  # of transformers
    _can_keep: Any  # whether the cache can be cut back; found out when it is first wanted
    _step: int  # prompt tokens computed at a time
    _held: list[int]  # the token ids whose keys and values are in the cache
    _cache: Any
    _begin: Callable[[int], None]  # is told how long a prompt is
    _fresh: int  # prompt tokens computed in any case: the last one's logits choose the first new token

    def _answer_one_by_one(self, writings: Iterable[tuple[int, Writing]]) -> Iterator[tuple[int, Writing]]:
        """Write the answers, each with its place as it ends."""
        for place, writing in writings:
            try:
                self._answer(writing)
            except (RuntimeError, MemoryError) as error:  # torch's own failures are RuntimeErrors
                self._forget()
                writing.error = error
            yield place, writing

    def _answer(self, writing: Writing) -> None:
        import torch

        started = time.perf_counter()
        with torch.inference_mode():
            kept = self._keep_shared(writing.ids)
            logits = self._prefill(writing.ids[kept:]).cpu()  # waits for the device
            prefilled = time.perf_counter()
            kv_bytes = self._kv_bytes()
            self._decode(logits, writing)
        ended = time.perf_counter()
        writing.charge(
            Usage(
                cached_tokens=kept,
                kv_bytes=kv_bytes,
                first_token_seconds=prefilled - started,
                prefill_seconds=prefilled - started,
                decode_seconds=ended - prefilled,
                seconds=ended - started,
            )
        )

    def _keep_shared(self, ids: list[int]) -> int:
        """Cut the cache back to what it shares with `ids`, a prompt; return how many tokens that is."""
        self._begin(len(ids))
        shared = min(shared_tokens(self._held, ids), max(0, len(ids) - self._fresh))
        # A forward pass that was broken off (an interrupt, say) leaves layers longer than was noted.
        if not self._can_keep or shared == 0 or self._cache.get_seq_length() != len(self._held):
            self._forget()
            return 0
        self._cache.crop(shared - len(self._held))  # transformers 5 wants the number to remove, as a negative
        self._held = self._held[:shared]
        return shared

    def _prefill(self, ids: list[int]) -> "torch.Tensor":
        """Read on; logits [vocabulary] after the last of these tokens.

        Raises:
            ContextOverflowError: if there are none.
        """
        if not ids:
            raise ContextOverflowError(EMPTY)
        for start in range(0, len(ids), self._step):
            logits = self._forward(ids[start : start + self._step])
        return logits

    def _forward(self, ids: list[int], **wishes: Any) -> "torch.Tensor":  # noqa: ANN401 - transformers' own
        last: torch.Tensor = self._run(ids, **wishes).logits[0, -1]
        self._held = self._held + ids
        return last.float()

    def _run(self, ids: list[int], **wishes: Any) -> Any:  # noqa: ANN401 - a transformers output
        import torch

        start = len(self._held)  # the position in the text, whatever the cache still holds of it
        return self._model(
            input_ids=sent([ids], self._model.device),
            position_ids=torch.arange(start, start + len(ids), device=self._model.device)[None],
            past_key_values=self._cache_or_new(),
            use_cache=True,
            logits_to_keep=1,
            **wishes,
        )

    def _decode(self, logits: "torch.Tensor", writing: Writing) -> None:
        """Write the answer to its end, its first token from these logits."""
        writing.take(logits)
        while not writing.is_ended:
            writing.take(self._forward(writing.tokens[-1:]))

    def _cache_or_new(self) -> Any:  # noqa: ANN401 - a transformers cache
        if self._cache is None:
            from rlc.pipeline.llms.support.growing_cache import growing_cache

            if self._can_keep:
                self._cache = growing_cache()
            else:
                from transformers import DynamicCache

                self._cache = DynamicCache(config=self._model.config)
        return self._cache

    def _kv_bytes(self) -> int:
        """The size of what the cache holds of the prompt, without its spare room."""
        states = [getattr(layer, name, None) for layer in self._cache.layers for name in ("keys", "values")]
        return sum(int(one.nbytes) for one in states if one is not None)

    def _forget(self) -> None:
        self._cache = None
        self._held = []
