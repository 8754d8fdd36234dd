"""A model's configuration, read without loading it."""

from pathlib import Path
from typing import Any

from rlc.data.errors import WeightsError, require
from rlc.data.plain import parse_json

OLDER = {
    "max_position_embeddings": ("n_positions", "max_seq_len"),
    "num_hidden_layers": ("n_layer", "n_layers"),
    "num_attention_heads": ("n_head", "n_heads"),
    "hidden_size": ("n_embd", "d_model"),
}
"""What GPT-2 and its like call what other configurations write so."""


def read_config(name: str, place: Path | str, revision: str | None = None) -> dict[str, Any]:
    """The configuration of a language model, from its folder or the hub; of a multimodal one, its text part.

    Raises:
        WeightsError: if there is none, it cannot be read, or it is not a causal language model's.
    """
    if isinstance(place, Path):
        file = place / "config.json"
        if not file.is_file():
            raise WeightsError(
                f"{place} is not a model folder: it has no config.json; give the folder that holds it"
            )
        try:
            config = parse_json(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WeightsError(f"cannot read {file}: {error}; save or fetch the model again") from error
        if not isinstance(config, dict) or not isinstance(config.get("text_config", {}), dict):
            raise WeightsError(f"{file} holds no table of settings; save or fetch the model again")
        config = config.get("text_config", config)
    else:
        require("transformers")
        from transformers import AutoConfig

        try:
            config = (
                AutoConfig.from_pretrained(place, revision=revision, trust_remote_code=False)
                .get_text_config()
                .to_dict()
            )
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"cannot read the configuration of {name!r}: {error}; name an alias, a folder, or a Hugging Face id"
            ) from error
    older = {new: config[old] for new, names in OLDER.items() for old in names if old in config}
    config = older | config
    if not isinstance(config.get("max_position_embeddings"), int):
        raise WeightsError(
            f"{name} does not state max_position_embeddings, the longest text that it can attend to: models without "
            "attention (Mamba) do not, and what is no language model; name another"
        )
    return dict(config)
