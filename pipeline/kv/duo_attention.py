"""DuoAttention: heads that retrieve keep all of the text, the others its first and its last tokens."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlc.data.errors import DataError, UsageError
from rlc.data.plain import parse_json
from rlc.data.protocols import Floats
from rlc.pipeline.kv.base import Evicting, Footprint, States
from rlc.pipeline.llms.support.watch import watched

if TYPE_CHECKING:
    import torch

    from rlc.pipeline.llms.hf import HfLLM

PROBED = 256  # random tokens that are said twice


@dataclass(frozen=True)
class DuoAttention(Evicting):
    """Let the heads that retrieve least see only the first `sinks` tokens and the last `recent` ones.

    One head after the other gives up what stands between, the one that retrieves least first, until the share is reached;
    the last gives up the oldest tokens only. Every head keeps `sinks` and `recent`, so that no more can be given up.

    A head's score is the best of the queries that read its keys. `fit` names a file of scores, which
    `python -m rlc.experiments.research.retrieval_heads` writes; without one a head retrieves as much as it looks, in random
    tokens that are said twice, at the token's like and at what came after it (as RazorAttention has it, arXiv
    2407.15891).

    Source: Xiao et al., ICLR 2025, arXiv 2410.10819 (128 sinks and 256 recent tokens, as in kvpress). The authors learn on
    passkeys which heads retrieve.

    Args:
        ratio: the share that is given up, in [0, 1).
        sinks: first tokens that every head keeps.
        recent: last tokens that every head keeps.
        fit: a file of scores; empty finds them.
    """

    sinks: int = 128
    recent: int = 256
    fit: str = ""

    def footprint(self, length: int, bits: int = 16) -> Footprint:
        return Footprint(max(self.budget(length), min(length, self.sinks + self.recent)) / length, bits)

    def check(self, engine: "HfLLM") -> None:
        """Hold that the scores of `fit` are of the model's heads.

        Raises:
            UsageError: if it cannot be read, or is of another model.
        """
        if self.fit:
            read_scores(Path(self.fit), engine._config)

    def begin(self, model: Any) -> "Split":  # noqa: ANN401
        """Score the model's heads."""
        fit = Path(self.fit)
        return Split(self, read_scores(fit, model.config.to_dict()) if self.fit else induction_scores(model))


@dataclass(frozen=True)
class Split:
    """What the heads of a model keep, by their scores, float32 [layers, kv heads]."""

    press: DuoAttention
    scores: Floats

    def given_up(self, length: int) -> "np.ndarray[Any, Any]":
        """How many tokens each head gives up of so many, int64 [layers, kv heads]."""
        most = max(0, length - self.press.sinks - self.press.recent)
        left = (length - self.press.budget(length)) * self.scores.size if self.press.ratio else 0
        counts = np.zeros(self.scores.size, np.int64)
        for head in np.argsort(self.scores, axis=None, kind="stable"):
            counts[head] = min(most, left)
            left -= counts[head]
        return counts.reshape(self.scores.shape)

    def compress(
        self,
        module: Any,  # noqa: ANN401
        hidden_states: "torch.Tensor",  # noqa: ARG002
        keys: "torch.Tensor",
        values: "torch.Tensor",
        attentions: "torch.Tensor | None",  # noqa: ARG002
        kwargs: dict[str, Any],  # noqa: ARG002
    ) -> States:
        """Name what each head gives up: the tokens behind the sinks."""
        import torch

        counts = torch.as_tensor(self.given_up(keys.shape[2])[module.layer_idx], device=keys.device)
        places = torch.arange(keys.shape[2], device=keys.device) - self.press.sinks
        gone = (places >= 0) & (places < counts[:, None])
        if gone.any():
            module.masked_key_indices = torch.nonzero(gone[None], as_tuple=True)
        return keys, values


def read_scores(file: Path, config: Mapping[str, Any]) -> Floats:
    """The scores of the heads' keys in a file of `rlc.experiments.research.retrieval_heads`, float32 [layers, kv heads].

    Raises:
        UsageError: if it cannot be read, or its heads are not this model's.
    """
    made = "make it with `python -m rlc.experiments.research.retrieval_heads MODEL FILE`"
    try:
        scores = np.array(parse_json(file.read_text(encoding="utf-8"))["scores"], np.float32)
    except (OSError, DataError, ValueError, TypeError, KeyError, json.JSONDecodeError) as error:
        raise UsageError(f"cannot read scores of heads from {file}: {error}; {made}") from error
    wanted = (config["num_hidden_layers"], config["num_attention_heads"])
    if scores.shape != wanted:
        raise UsageError(
            f"{file} scores heads of the shape {scores.shape}, and the model has {wanted[0]} layers of {wanted[1]}: {made}"
        )
    return of_keys(scores, config.get("num_key_value_heads") or wanted[1])


def induction_scores(model: Any, seed: int = 0) -> Floats:  # noqa: ANN401
    """What each head pays, in random tokens that are said twice, to a token's like and what came after it.

    Mean over the tokens, float32 [layers, kv heads].
    """
    import torch

    config = model.config
    count = min(PROBED, config.max_position_embeddings // 2)
    generator = torch.Generator().manual_seed(seed)
    once = torch.randint(config.vocab_size, (1, count), generator=generator)

    def see(_: int, attention: Floats) -> Floats:
        said = np.arange(count)
        again, after = count + said[:-1], said[1:]
        paid = attention[:, again, said[:-1]] + attention[:, again, after]
        return np.asarray(paid.mean(1), np.float32)

    layers = range(config.num_hidden_layers)
    with torch.inference_mode(), watched(model, see, layers) as made:
        model(torch.cat([once, once], dim=1).to(model.device), use_cache=False, logits_to_keep=1)
    return of_keys(np.stack([made[layer] for layer in layers]), config.num_key_value_heads)


def of_keys(scores: Floats, kv_heads: int) -> Floats:
    """The best score among the query heads that read each head of keys, [layers, kv heads]; neighbours share one."""
    return np.asarray(scores.reshape(len(scores), kv_heads, -1).max(-1), np.float32)
