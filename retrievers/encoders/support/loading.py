"""Loading models of sentence-transformers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rlc.data.errors import WeightsError
from rlc.data.plain import parse_json
from rlc.data.weights import resolve

if TYPE_CHECKING:
    import tokenizers

Kind = Literal["SentenceTransformer", "SparseEncoder", "MultiVectorEncoder"]


def load_model(kind: Kind, model: str, revision: str | None, device: str | None) -> Any:  # noqa: ANN401 - loaded late
    """Load a model of one of sentence-transformers' classes in float32, on `device`.

    Raises:
        WeightsError: if it cannot be loaded, was not trained as what it is loaded as, or has no fast tokenizer.
    """
    import sentence_transformers

    place = str(resolve(model))
    try:
        if kind != "SentenceTransformer" and kind not in _trained_as(place, revision):
            raise WeightsError(
                f"{model!r} does not say that it was trained as a {kind}, and a plain language model loaded as one finds "
                f"noise: name a checkpoint that sentence-transformers saved as one; one that you know to be (SPLADE's own "
                f"files do not say it) becomes that by `python -c 'from sentence_transformers import {kind}; "
                f'{kind}("{model}").save("FOLDER")\'`'
            )
        loaded = getattr(sentence_transformers, kind)(
            place,
            revision=revision,
            device=device,
            model_kwargs={"dtype": "float32"},
            trust_remote_code=False,
        ).eval()
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"cannot load the encoder {model!r}: {error}; name an alias, a folder that sentence-transformers "
            "saved, or a Hugging Face id"
        ) from error
    if not hasattr(loaded.tokenizer, "backend_tokenizer"):
        raise WeightsError(f"the encoder {model!r} has no fast tokenizer: save it with its tokenizer.json")
    return loaded


def _trained_as(place: str, revision: str | None) -> set[str]:
    """What a checkpoint says that it is: sentence-transformers turns any model into any other, with new random layers."""
    from sentence_transformers.util import load_file_path

    def read(name: str) -> Any:  # noqa: ANN401 - what a JSON file holds
        file = load_file_path(place, name, revision=revision)
        return {} if file is None else parse_json(Path(file).read_text(encoding="utf-8"))

    own, architectures = (
        read("config_sentence_transformers.json"),
        read("config.json").get("architectures") or [],
    )
    kinds = {str(own.get("model_type"))}
    if "query_prefix" in own or "HF_ColBERT" in architectures:  # as PyLate and Stanford's ColBERT save theirs
        kinds.add("MultiVectorEncoder")
    return kinds


def uncut(tokenizer: Any) -> "tokenizers.Tokenizer":  # noqa: ANN401 - transformers is loaded late
    """A copy of a fast tokenizer that never truncates or pads, however the model's own is set and used."""
    from tokenizers import Tokenizer

    copy = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def checked_window(module: Any, wanted: int | None) -> int:  # noqa: ANN401 - sentence-transformers is loaded late
    """The window to use of a `Transformer` module: the wanted one, or as many tokens as the model has positions for.

    Raises:
        ValueError: if the model has fewer positions than wanted.
    """
    transformer = module.model
    most: int = getattr(transformer.config, "max_position_embeddings", None) or module.max_seq_length or 512
    embeddings = getattr(transformer.base_model, "embeddings", None)
    padding = getattr(getattr(embeddings, "position_embeddings", None), "padding_idx", None)
    if padding is not None:  # RoBERTa and its kin count positions from behind the padding's
        most -= padding + 1
    if wanted is not None and not 0 < wanted <= most:
        raise ValueError(f"window must be between 1 and the model's {most} positions, got {wanted}")
    return wanted or most
