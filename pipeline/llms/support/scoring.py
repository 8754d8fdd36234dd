"""Scoring: how likely a model finds the tokens of a text that is given, read as it stands."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rlc.data.errors import ContextOverflowError
from rlc.data.protocols import TokenLogprobs
from rlc.pipeline.llms.support.chat import Chat


class ScoringInProcess:
    """The half of an engine in this process that scores given texts (`rlc.data.protocols.Scorer`)."""

    name: str
    window: Any  # tokens
    _chat: Chat
    _model: Any  # of transformers
    _begin: Callable[[int], None]  # is told how long a prompt is

    def logprobs(self, contexts: Sequence[str], texts: Sequence[str]) -> list[TokenLogprobs]:
        """How likely every token of each text is, given its context: see `rlc.data.protocols.Scorer`.

        The prefix that is kept for `generate` is left alone.

        Raises:
            ValueError: if there are not as many contexts as texts.
            ContextOverflowError: if a context and its text do not fit the window together.
            EngineUnavailableError: if the model cannot be loaded.
        """
        return [self._logprobs(*pair) for pair in zip(contexts, texts, strict=True)]

    def _logprobs(self, context: str, text: str) -> TokenLogprobs:
        import torch

        codec = self._chat.codec
        body = codec(text, add_special_tokens=False, return_offsets_mapping=True)
        before = codec(context, add_special_tokens=False)["input_ids"]
        if not before and codec.bos_token_id is not None:
            before = [codec.bos_token_id]
        ids = torch.tensor([*before, *body["input_ids"]], dtype=torch.long, device=self._model.device)
        if len(ids) > self.window:
            raise ContextOverflowError(
                f"context and text have {len(ids)} tokens, more than the window of {self.window} of {self.name}: "
                "cut smaller passages"
            )
        starts = [start for start, _ in body["offset_mapping"][1:]]
        spans = list(zip([0, *starts], [*starts, len(text)], strict=True)) if body["input_ids"] else []
        values = np.zeros(len(spans), np.float32)
        targets = ids[max(len(before), 1) :]
        if len(targets):
            model = self._model
            self._begin(len(before))
            with torch.inference_mode():
                states = model(ids[None], use_cache=False, logits_to_keep=len(targets) + 1)
                likely = states.logits[0, :-1].float().log_softmax(-1)
            values[-len(targets) :] = likely.gather(1, targets[:, None])[:, 0].cpu().numpy()
        return TokenLogprobs(spans, values)
