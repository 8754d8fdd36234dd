"""`rlc doctor`: what this machine has, and what is missing."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from rlc.data.errors import MissingExtraError, require
from rlc.data.formats.scan import recogniser
from rlc.data.weights import ALIASES, cache_folder
from rlc.experiments.runs.provenance import git_revision, processor, versions
from rlc.pipeline.llms.support.providers import PROVIDERS


def examine(out: Path) -> Iterator[tuple[str, str]]:
    """(name, finding) pairs, cheap ones first."""
    yield from versions().items()
    yield "git revision", git_revision() or "not a checkout"
    yield "processor", f"{processor()}, {os.cpu_count()} cores"
    yield "devices", _devices()
    yield "kvpress", _installed("kvpress")
    yield "office files", _installed("markitdown")
    yield "scanned pages", recogniser() or "tesseract is not installed: scanned PDFs are refused"
    cache = cache_folder()
    yield "cache", f"{cache} ({_size(cache)})"
    yield "disk", f"{shutil.disk_usage(_existing(cache)).free / 1e9:.0f} GB free at the cache"
    yield "runs", f"{out.resolve()} ({'writable' if os.access(_existing(out), os.W_OK) else 'NOT writable'})"
    for alias in ALIASES:
        there = (cache / "models" / alias / "source.json").is_file()
        yield f"model {alias}", "fetched" if there else f"missing: rlc fetch model {alias}"
    yield "keys", _keys()
    lara = os.environ.get("RLC_DATA")
    yield (
        "LaRA",
        f"RLC_DATA = {lara}" if lara else "RLC_DATA is not set; the cache or the bundled sample is read",
    )


def _keys() -> str:
    """The variables of providers' keys, set or not; never what they hold."""
    names = dict.fromkeys(provider.key for provider in PROVIDERS.values())
    there = [name for name in names if os.environ.get(name)]
    absent = [name for name in names if name not in there]
    told = [f"{words}: {', '.join(some)}" for words, some in (("set", there), ("not set", absent)) if some]
    return "; ".join(told)


def _installed(module: str) -> str:
    try:
        require(module)
    except MissingExtraError as error:
        return str(error)
    return "installed"


def _devices() -> str:
    try:
        require("torch")
    except MissingExtraError as error:
        return str(error)
    import torch

    from rlc.data.precision import native_dtype

    cards = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f"{', '.join(cards) or 'cpu'}; dtype = 'auto' is {native_dtype()}"


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def _size(folder: Path) -> str:
    total = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return f"{total / 1e6:,.0f} MB"
