"""Checkpoints of Provence networks, in three layouts, from safetensors alone: no code from a hub is ever run.

* `provence-mini`: changes to all-MiniLM-L6-v2, in this package.
* OpenProvence (github.com/hotchpotch/open_provence, MIT): a ModernBERT classifier and a pruning head.
* naver's Provence (naver/provence-reranker-debertav3-v1, not for commercial use): DeBERTa-v3 and two heads.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlc.data.errors import WeightsError
from rlc.data.plain import parse_json
from rlc.data.protocols import Floats
from rlc.data.weights import ALIASES, resolve

if TYPE_CHECKING:
    import tokenizers
    import torch

    from rlc.retrievers.prune.support.network import PruningNetwork

log = logging.getLogger(__name__)

MINI = "provence-mini"
WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
LICENCES = {
    "mini": "Apache-2.0",
    "open-provence": "as its model card says (MIT for hotchpotch's)",
    "naver": "CC BY-NC-ND 4.0 for naver's: not for commercial use",
}


@dataclass(frozen=True)
class Calibration:
    """How a checkpoint's keep probabilities become worths that one threshold can be held against.

    worth = sigmoid(logit(p) + shift - rank * gap), where the gap is the best ranking logit of the question's passages
    less the passage's own: the further a passage ranks behind, the surer its sentences must be. As it stands it
    changes nothing.
    """

    shift: float = 0.0
    rank: float = 0.0

    def __call__(self, probabilities: Floats, gap: float) -> Floats:
        """The worths of one passage's sentences."""
        if self == Calibration():
            return probabilities
        clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
        worths: Floats = 1 / (1 + (1 / clipped - 1) * np.exp(self.rank * gap - self.shift))
        return worths.astype(np.float32)


@dataclass(frozen=True)
class Checkpoint:
    """A network ready to read, its tokenizer, how many tokens it reads at once, and its calibration."""

    network: "PruningNetwork"
    tokenizer: "tokenizers.Tokenizer"
    window: int
    layout: str
    calibration: Calibration = Calibration()

    @property
    def licence(self) -> str:
        """What the weights may be used for, as far as the layout tells."""
        return LICENCES[self.layout]


def load_checkpoint(model: str, revision: str | None = None) -> Checkpoint:
    """Load `provence-mini`, a folder or a Hugging Face id, in float32 on the CPU.

    Raises:
        WeightsError: if it is not there, of another architecture, damaged, or pickled.
    """
    if model == MINI:
        return _mini()
    folder = _folder(model, revision)
    config = _json(folder / "config.json")
    tensors = _tensors(folder)
    try:
        if any(name.startswith("pruning_head.") for name in tensors):
            network, layout = _open_provence(config, tensors), "open-provence"
        elif "token_classifier.weight" in tensors and any(name.startswith("deberta.") for name in tensors):
            network, layout = _naver(config, tensors), "naver"
        else:
            raise WeightsError(
                f"{model!r} is no Provence checkpoint: expected a `pruning_head.` (OpenProvence) or a "
                f"`token_classifier.` on `deberta.` (naver), found {', '.join(sorted(tensors)[:4])}, ..."
            )
    except (RuntimeError, KeyError, TypeError) as error:
        raise WeightsError(f"the weights of {model!r} do not fit its config.json: {error}") from error
    checkpoint = Checkpoint(network.eval(), _tokenizer(folder), int(config.get("max_length", 512)), layout)
    log.warning("%s: licence %s", model, checkpoint.licence)
    return checkpoint


def packaged_revision() -> str:
    """What identifies `provence-mini` in a result: a digest of its files in this package."""
    digest = hashlib.blake2b(digest_size=16)
    for file in (WEIGHTS / f"{MINI}.json", WEIGHTS / f"{MINI}.safetensors"):
        digest.update(file.read_bytes())
    return f"package:{digest.hexdigest()}"


def _mini() -> Checkpoint:
    from safetensors.torch import load_file
    from transformers import BertConfig, BertModel

    from rlc.retrievers.prune.support.network import merge, mini

    config = _json(WEIGHTS / f"{MINI}.json")
    base = config["base"]
    if ALIASES[base].sha256 != config["base_sha256"]:
        raise WeightsError(
            f"{MINI} was trained on other weights of {base} than this version pins: train it again"
        )
    folder = Path(resolve(base))
    encoder = BertModel(BertConfig.from_pretrained(folder, trust_remote_code=False), add_pooling_layer=False)
    stored = load_file(folder / "model.safetensors").items()
    unread = ("pooler.", "embeddings.position_ids")
    encoder.load_state_dict({name: value for name, value in stored if not name.startswith(unread)})
    network = mini(encoder)
    merge(network, load_file(WEIGHTS / f"{MINI}.safetensors"))
    calibration = Calibration(**config.get("calibration", {}))
    return Checkpoint(network.eval(), _tokenizer(folder), int(config["window"]), "mini", calibration)


def _open_provence(config: Mapping[str, Any], tensors: "Mapping[str, torch.Tensor]") -> "PruningNetwork":
    from transformers import ModernBertConfig, ModernBertForSequenceClassification

    from rlc.retrievers.prune.support.layouts import modern_bert

    base = dict(config["base_model_config"])
    if base.get("model_type") != "modernbert":
        raise WeightsError(
            f"its back end is {base.get('model_type')!r}; of OpenProvence's, only ModernBERT is supported"
        )
    labels = tensors[
        next(name for name in tensors if name.endswith("classifier.bias") and "pruning" not in name)
    ]
    ranking = ModernBertForSequenceClassification(ModernBertConfig(**{**base, "num_labels": len(labels)}))
    own = {name: value for name, value in tensors.items() if not name.startswith("pruning_head.")}
    ranking.load_state_dict({name.removeprefix("ranking_model."): value for name, value in own.items()})
    return modern_bert(ranking, _linear(tensors, "pruning_head.classifier"))


def _naver(config: Mapping[str, Any], tensors: "Mapping[str, torch.Tensor]") -> "PruningNetwork":
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

    from rlc.retrievers.prune.support.layouts import deberta

    settings = {
        name: value for name, value in config.items() if name not in ("model_type", "num_labels", "auto_map")
    }
    labels = len(tensors["classifier.bias"])
    ranking = DebertaV2ForSequenceClassification(DebertaV2Config(**{**settings, "num_labels": labels}))
    own = {name: value for name, value in tensors.items() if not name.startswith("token_classifier.")}
    own.pop("deberta.embeddings.position_ids", None)
    ranking.load_state_dict(own)
    return deberta(ranking, _linear(tensors, "token_classifier"))


def _linear(tensors: "Mapping[str, torch.Tensor]", name: str) -> "torch.nn.Linear":
    from torch import nn

    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    linear.load_state_dict({"weight": weight, "bias": bias})
    return linear


def _folder(model: str, revision: str | None) -> Path:
    """The checkpoint's files on this machine; of a hub's, only JSON and safetensors are fetched."""
    place = resolve(model)
    if isinstance(place, Path):
        return place
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(place, revision=revision, allow_patterns=["*.json", "*.safetensors"]))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise WeightsError(
            f"cannot fetch {model!r}: {type(error).__name__}; name {MINI!r}, a folder, or a Hugging Face id"
        ) from error


def _tensors(folder: Path) -> "dict[str, torch.Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickled = [file.name for file in folder.iterdir() if file.suffix in (".bin", ".pt", ".pth", ".ckpt")]
        raise WeightsError(
            f"{folder} holds pickled weights ({', '.join(pickled)}), which can run code and are refused: "
            "convert them to safetensors"
            if pickled
            else f"{folder} holds no *.safetensors file"
        )
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        try:
            tensors |= load_file(file)
        except SafetensorError as error:
            raise WeightsError(f"{file} is damaged: {error}; fetch the model again") from error
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def _tokenizer(folder: Path) -> "tokenizers.Tokenizer":
    from rlc.data.tokens import FastTokenizer, load_tokenizer

    tokenizer = load_tokenizer(str(folder))
    if not isinstance(tokenizer, FastTokenizer):
        raise WeightsError(f"{folder} has no fast tokenizer: save the model with its tokenizer.json")
    return tokenizer.backend


def _json(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = parse_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"cannot read {file}: {error}; save or fetch the model again") from error
    return found
