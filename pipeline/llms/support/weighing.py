"""Weighing: how likely a model finds given answers, side by side on the prompt that it has read once."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from rlc.data.errors import ContextOverflowError, EngineError, describe
from rlc.data.protocols import Floats, Prompt, Weighed
from rlc.data.records import Usage
from rlc.pipeline.llms.support.batching import in_documents
from rlc.pipeline.llms.support.chat import Chat

if TYPE_CHECKING:
    import torch


def option_tokens(chat: Chat, options: Sequence[str]) -> list[list[int]]:
    """Each option's token ids.

    Raises:
        ValueError: if there is no option, or one has no tokens.
    """
    tokens = [list(chat.codec(option, add_special_tokens=False)["input_ids"]) for option in options]
    if not tokens or not all(tokens):
        raise ValueError(f"expected at least one option and none of them empty, got {list(options)!r}")
    return tokens


def branches(options: Sequence[Sequence[int]]) -> dict[tuple[int, ...], list[int]]:
    """The beginnings of options, each with the tokens that go on from it; what options share stands there once.

    >>> branches([[5], [7, 1], [7, 2]])
    {(): [5, 7], (7,): [1, 2]}
    """
    tree: dict[tuple[int, ...], list[int]] = {}
    for option in options:
        for i, token in enumerate(option):
            following = tree.setdefault(tuple(option[:i]), [])
            if token not in following:
                following.append(token)
    return tree


def weighed(
    told: Mapping[tuple[int, ...], tuple[Mapping[int, float], Usage]],
    options: Sequence[Sequence[int]],
    prompt_tokens: int,
) -> Weighed:
    """The options of one prompt, of what was told of each of their `branches`.

    The prompt counts once, as it would if they were weighed in one pass; what had to be computed for it, in full.
    """
    values = [sum(told[tuple(one[:i])][0][token] for i, token in enumerate(one)) for one in options]
    spent = Usage.total(usage for _, usage in told.values())
    read = prompt_tokens + sum(len(one) - 1 for one in options)
    cached = max(0, read - (spent.prompt_tokens - spent.cached_tokens))
    usage = replace(spent, prompt_tokens=read, cached_tokens=cached, output_tokens=0)
    return Weighed(np.array(values, np.float32), usage)


class WeighingInProcess:
    """The half of an engine in this process that weighs given answers (`rlc.data.protocols.Weighing`)."""

    name: str
    window: Any  # tokens
    _chat: Chat
    _model: Any  # of transformers
    _can_keep: Any
    _looks: Any  # of another way of attending than the model's own, which takes no mask
    _held: list[int]
    _cache: Any
    _keep_shared: Any
    _prefill: Any
    _forward: Any
    _forget: Any

    def weigh(self, prompts: Sequence[Prompt], options: Sequence[Sequence[str]]) -> list[Weighed]:
        """Weigh given answers: see `rlc.data.protocols.Weighing`.

        The prompt's keys and values are kept for what is asked next.
        """
        asked = list(zip(prompts, options, strict=True))
        found = {place: self._weigh(*asked[place]) for place in in_documents(prompts)}
        return [found[place] for place in range(len(asked))]

    def _answering(self) -> AbstractContextManager[None]:
        """What an answer's tokens are computed in."""
        return nullcontext()

    def _weigh(self, prompt: Prompt, options: Sequence[str]) -> Weighed:
        import torch

        ids, tokens = self._chat.encode(prompt), option_tokens(self._chat, options)
        new = sum(len(one) - 1 for one in tokens)
        if len(ids) + new > self.window:
            raise ContextOverflowError(
                f"a prompt of {len(ids)} tokens and options of {new} exceed the window of {self.window} of {self.name}: take "
                "fewer or smaller passages, or shorter options"
            )
        _ = self._model  # loaded before the clock starts
        started = time.perf_counter()
        try:
            with torch.inference_mode():
                weigh = self._at_once if self._weighs_at_once else self._one_by_one
                kept, values = weigh(ids, tokens)
        except (RuntimeError, MemoryError) as error:  # torch's own failures are RuntimeErrors
            self._forget()
            raise EngineError(describe(error)) from error
        seconds = time.perf_counter() - started
        read = len(ids) + new
        return Weighed(
            values, Usage(prompt_tokens=read, cached_tokens=kept, prefill_seconds=seconds, seconds=seconds)
        )

    @property
    def _weighs_at_once(self) -> bool:
        """Whether options can stand side by side behind the prompt: its cache can be cut back, and a mask is obeyed."""
        return bool(self._can_keep) and self._looks is None

    def _at_once(self, ids: list[int], tokens: Sequence[Sequence[int]]) -> tuple[int, Floats]:
        """How much of the prompt was there, and the options' weights: their further tokens take one pass together."""
        kept = self._keep_shared(ids)
        first = self._prefill(ids[kept:]).log_softmax(-1)
        values = np.array([float(first[one[0]]) for one in tokens], np.float32)
        return kept, values + self._further(tokens) if any(len(one) > 1 for one in tokens) else values

    def _further(self, tokens: Sequence[Sequence[int]]) -> Floats:
        """The log-probabilities of all but the first tokens, summed up; each option sees the prompt and itself."""
        import torch

        device = self._model.device
        read = torch.tensor([token for one in tokens for token in one[:-1]], device=device)
        wanted = torch.tensor([token for one in tokens for token in one[1:]], device=device)
        option = torch.tensor([i for i, one in enumerate(tokens) for _ in one[1:]], device=device)
        depth = torch.tensor([i for one in tokens for i in range(len(one) - 1)], device=device)
        own = (option[:, None] == option) & (depth[:, None] >= depth)
        output = self._model(
            input_ids=read[None],
            position_ids=(len(self._held) + depth)[None],
            attention_mask=_additive(
                torch.cat((own.new_ones(len(read), len(self._held)), own), 1), self._model.dtype
            ),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=len(read),
        )
        self._cache.crop(-len(read))  # transformers 5 wants the number to remove, as a negative
        likely = output.logits[0].float().log_softmax(-1).gather(1, wanted[:, None])[:, 0]
        sums: Floats = torch.zeros(len(tokens), device=device).index_add_(0, option, likely).cpu().numpy()
        return sums

    def _one_by_one(self, ids: list[int], tokens: Sequence[Sequence[int]]) -> tuple[int, Floats]:
        """As `_at_once`, each option behind a prompt of its own: it is read again where nothing can be kept."""
        kept, values = len(ids), np.zeros(len(tokens), np.float32)
        for i, one in enumerate(tokens):
            shared = self._keep_shared(ids)
            kept = min(kept, shared)
            logits = self._prefill(ids[shared:])
            with self._answering():
                values[i] = logits.log_softmax(-1)[one[0]]
                for read, wanted in pairwise(one):
                    values[i] += float(self._forward([read]).log_softmax(-1)[wanted])
        return kept, values


def _additive(visible: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
    """What is added to attention scores so that the invisible weighs nothing, [1, 1, queries, keys]."""
    import torch

    hidden = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
    return hidden.masked_fill_(~visible, torch.finfo(dtype).min)[None, None]
