"""A run's files are whole, and what they were when they were written; one process writes at a time."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from rlc.data.errors import DataError, StoreError
from rlc.data.records import Answer, Document, Example
from rlc.experiments.runs.kept import DIGESTS, held, read_kept, write_kept, write_whole
from rlc.experiments.runs.results import row, to_frame
from rlc.experiments.runs.results_file import read_results, write_results
from rlc.experiments.scorers.base import Score


def test_what_was_written_is_read(tmp_path):
    file = tmp_path / "recipe.json"
    for data in (b"one", b"another", b""):
        write_kept(file, data)
        assert read_kept(file) == data
    write_kept(tmp_path / "other.json", b"x")
    assert read_kept(file) == b""
    assert {path.name for path in tmp_path.iterdir()} == {"recipe.json", "other.json", DIGESTS}


def test_a_file_that_was_edited_or_is_damaged_is_refused(tmp_path):
    file = tmp_path / "recipe.json"
    write_kept(file, b'{"size": 512}')
    file.write_bytes(b'{"size": 513}')
    with pytest.raises(
        DataError, match=r"recipe\.json is not as it was written.*run the same `rlc compare` again"
    ):
        read_kept(file)
    write_kept(file, b'{"size": 512}')
    assert read_kept(file) == b'{"size": 512}'


@pytest.mark.parametrize("noted", ["", "[]", "{", '{"recipe.json": 5}', '{"recipe.json": ["00"]}', "\xff"])
def test_damaged_digests_are_told_and_written_anew(tmp_path, noted):
    file = tmp_path / "recipe.json"
    write_kept(file, b"one")
    (tmp_path / DIGESTS).write_text(noted, encoding="latin-1")
    with pytest.raises(
        DataError, match=r"digests\.json cannot be read|recipe\.json is not as it was written"
    ):
        read_kept(file)
    write_kept(file, b"one")
    assert read_kept(file) == b"one"


def test_files_of_versions_without_digests_are_read(tmp_path):
    write_whole(tmp_path / "recipe.json", b"old")
    assert read_kept(tmp_path / "recipe.json") == b"old"


def test_all_files_of_a_run_have_the_same_permissions(tmp_path):
    write_results(frame(3), tmp_path / "results.parquet")
    write_kept(tmp_path / "recipe.json", b"{}")
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {0o666 & ~_umask()}


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_rest(tmp_path):
    file = tmp_path / "recipe.json"
    write_kept(file, b"one")
    in_the_way = tmp_path / f".recipe.json.{os.getpid()}.part"
    in_the_way.mkdir()
    with pytest.raises(StoreError, match=r"cannot write .*recipe\.json.*free some space"):
        write_kept(file, b"two")
    in_the_way.rmdir()
    assert read_kept(file) == b"one"


def frame(n):
    document = Document(id="d", page_content="x", metadata={})
    return to_frame(
        [
            row("rag", Example(f"q{i}", "Who?", document), Answer(f"answer {i} " * 9, "rag"), Score())
            for i in range(n)
        ]
    )


def test_no_flipped_bit_of_the_results_is_shown(tmp_path):
    file, whole = tmp_path / "results.parquet", frame(200)
    write_results(whole, file)
    raw, draw = file.read_bytes(), random.Random(1)
    other = tmp_path / "copied.parquet"
    for _ in range(300):
        damaged = bytearray(raw)
        damaged[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        other.write_bytes(damaged)
        with contextlib.suppress(DataError):
            assert read_results(other).equals(whole)  # a flip in the mark's own name harms nothing
    other.write_bytes(raw[:-100])
    with pytest.raises(DataError):
        read_results(other)
    file.write_bytes(raw)
    assert read_results(file).equals(whole)


def test_a_reader_never_meets_half_of_a_replacement(tmp_path):
    file, frames = tmp_path / "results.parquet", {n: frame(n) for n in (180, 240)}
    write_results(frames[180], file)
    stop = threading.Event()

    def replace():
        while not stop.is_set():
            for one in frames.values():
                write_results(one, file)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            seen = read_results(file)
            assert seen.equals(frames[seen.height])
    finally:
        stop.set()
        writer.join()


HOLDER = """
import sys, time
from pathlib import Path
from rlc.experiments.runs.kept import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_writer_says_whom_it_waits_for_and_a_dead_one_holds_nothing(tmp_path, holder):
    killer = threading.Timer(0.5, holder.send_signal, [signal.SIGKILL])
    killer.start()
    with (
        pytest.warns(UserWarning, match=f"is being written by process {holder.pid} on .*: waiting"),
        held(tmp_path),
    ):
        killer.join()
    with held(tmp_path):
        assert f"process {os.getpid()} on" in (tmp_path / ".lock").read_text()


def test_json_of_digests_is_plain(tmp_path):
    write_kept(tmp_path / "recipe.json", b"{}")
    [(name, [digest])] = json.loads((tmp_path / DIGESTS).read_text()).items()
    assert (name, len(bytes.fromhex(digest))) == ("recipe.json", 16)
