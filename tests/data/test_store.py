import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import DataError, StoreError
from rlc.data.records import Answer, Evidence, Step, Usage
from rlc.data.store import Store, seal, unseal

NUMBERS = {f.name: i + (0.5 if f.type is float else 0) for i, f in enumerate(fields(Usage), 1)}
FULL = Answer(
    text="Ann, \ud800 \x00 and 北京",
    route="rag",
    evidence=(Evidence("d", 3, 9, 0.25, pages=(1, 2)), Evidence("d", 0, 2, passage=(0, 7))),
    usage=Usage(**NUMBERS),
    finish_reason="length",
    prompt_hash="abc",
    error="said so",
    details={"probability": 0.1, "tried": ["rag", "long"], "nested": {"x": None}},
    steps=(
        Step("note", "ask", 0, "Ann", "abc", usage=Usage(**NUMBERS)),
        Step("find", "search", 1, evidence=(Evidence("d", 0, 2, passage=(0, 7)),), error="said so"),
    ),
    seal="of another store",
)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "runs" / "mine")
    yield store
    store.close()


def in_another_process(code, *arguments, **options):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], text=True, **options)


def test_get_put_renew(store):
    first, second = Answer("one", "rag"), Answer("two", "long")
    store.put({"a": first, "b": second})
    assert store.get(["b", "nowhere", "a"]) == {"a": first, "b": second}
    assert set(store.seals(["b", "nowhere", "a"])) == {"a", "b"}
    store.put({"a": second})
    assert store.get(["a"]) == {"a": second}
    store.renew(["a", "nowhere"])
    assert store.get(["a", "b"]) == {"b": second}
    assert len(store) == 2
    store.put({"a": first})
    assert store.get(["a"]) == {"a": first}
    assert store.renewed == {"nowhere"}


def test_nothing_to_do_is_fine(store):
    store.put({})
    store.renew([])
    assert store.get([]) == {}
    assert len(store) == 0


def test_every_field_comes_back(store):
    assert all(getattr(FULL, f.name) for f in fields(Answer)), "a new field wants a value here"
    seals = store.put({"a": FULL})
    assert store.get(["a"]) == {"a": FULL}
    assert store.get(["a"])["a"].seal == store.seals(["a"])["a"] == seals["a"] != FULL.seal
    assert store.get(["a"])["a"].evidence[0].pages == (1, 2), "which evidence is not compared by"


@given(text=st.text(), score=st.none() | st.floats(allow_nan=False), tokens=st.integers(0, 2**60))
def test_encoding_loses_nothing(text, score, tokens):
    answer = Answer(text, "rag", (Evidence("d", 0, 1, score),), Usage(prompt_tokens=tokens))
    assert unseal("k", seal("k", answer)) == answer


def stored_row(store, key="a"):
    [(text,)] = store._connection.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchall()
    return text


def overwrite(store, text, key="a"):
    with store._connection:
        store._connection.execute("UPDATE answers SET answer = ? WHERE key = ?", (text, key))


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_flipped_bit_of_a_row_gives_another_answer(place, bit):
    raw = bytearray(seal("k", FULL).encode())
    raw[place % len(raw)] ^= 1 << bit
    try:
        answer = unseal("k", raw.decode("utf-8", "replace"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    assert answer == FULL


def test_a_row_under_another_key_is_not_its_answer(store):
    store.put({"a": FULL, "b": Answer("other", "rag")})
    overwrite(store, stored_row(store, "b"))
    assert store.get(["a"]) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "5",
        "null",
        "[]",
        "{}",
        '{"text": 5',
        '{"route": "rag"}',
        b"\xff\xfe",
        '{"text": "a", "usage": 3}',
    ],
)
def test_an_unreadable_answer_counts_as_missing_and_the_others_are_there(store, text):
    store.put({"a": FULL, "b": FULL})
    overwrite(store, text)
    assert store.get(["a", "b"]) == {"b": FULL}
    assert set(store.seals(["a", "b"])) == {"b"}
    assert store.unreadable == {"a"}
    seals = store.put({"a": FULL})
    assert store.get(["a"]) == {"a": FULL}
    assert store.get(["a"])["a"].seal == store.seals(["a"])["a"] == seals["a"] != FULL.seal
    assert store.unreadable == set()


def test_answers_stored_before_digests_are_taken(store):
    store.put({"a": FULL})
    overwrite(store, stored_row(store).partition(" ")[2])
    assert store.get(["a"]) == {"a": FULL}


def test_fields_of_other_versions_are_left_out_and_missing_ones_take_their_defaults(store):
    store.put({"a": FULL})
    newer = json.loads(stored_row(store).partition(" ")[2])
    newer["mood"] = newer["usage"]["watts"] = newer["evidence"][0]["page"] = 1
    newer["steps"][0]["mood"] = newer["steps"][1]["evidence"][0]["page"] = 1
    overwrite(store, json.dumps(newer))
    assert store.get(["a"]) == {"a": FULL}
    overwrite(store, '{"text": "older"}')
    assert store.get(["a"]) == {"a": Answer("older", "")}


def test_details_that_are_no_plain_data_are_refused(store):
    circle = {}
    circle["itself"] = circle
    for details in ({"x": object()}, circle):
        with pytest.raises(DataError, match="plain data"):
            store.put({"a": Answer("a", "rag", details=details)})
    assert len(store) == 0


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_gives_no_wrong_answer_and_does_not_end_the_store(tmp_path, seed):
    draw = random.Random(seed)
    answers = {f"key{i:03}": Answer(f"{i} " * 40, "rag") for i in range(300)}
    store = Store(tmp_path)
    store.put(answers)
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    raw = bytearray(store.file.read_bytes())
    if seed % 2:
        place = draw.randrange(4096, len(raw))
        raw[place : place + 4096] = bytes(4096)
    else:
        del raw[draw.randrange(4096, len(raw)) :]
    store.file.write_bytes(raw)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        store = Store(tmp_path)
        found = store.get(list(answers))
    assert all(answers[key] == answer for key, answer in found.items())
    if said:
        assert f"{len(found)} answers were saved" in str(said[0].message)
        assert len(list(tmp_path.glob("answers.damaged-*.sqlite"))) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # damage may be seen only when a page does not give back what it took
        store.put({"after": FULL})
    assert store.get(["after"]) == {"after": FULL}


def test_more_keys_than_one_query_takes(store):
    answers = {f"k{i}": Answer(str(i), "rag") for i in range(1201)}
    store.put(answers)
    assert store.get([*answers, "nowhere"]) == answers
    assert set(store.seals([*answers, "nowhere"])) == set(answers)


def test_another_thread_may_use_it(store):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(store.put, {"a": FULL}).result()
    assert store.get(["a"]) == {"a": FULL}


def test_it_outlives_its_process(tmp_path):
    first = Store(tmp_path)
    first.put({"a": FULL})
    first.close()
    assert Store(tmp_path).get(["a"]) == {"a": FULL}


WRITER = """
import sys
from pathlib import Path
from rlc.data.records import Answer
from rlc.data.store import Store
store = Store(Path(sys.argv[1]))
for i in range(int(sys.argv[3])):
    store.put({f"{sys.argv[2]}-{i}": Answer(f"{sys.argv[2]} {i}", "rag"), "shared": Answer("x" * 5000, "rag")})
    print(i, flush=True)
"""


def test_processes_write_at_once(tmp_path):
    writers = [
        in_another_process(WRITER, tmp_path, name, 15, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for name in "abc"
    ]
    for writer in writers:
        _, complaint = writer.communicate(timeout=60)
        assert writer.returncode == 0, complaint
    assert len(Store(tmp_path)) == 3 * 15 + 1


def test_kill_9_while_writing_keeps_what_was_committed(tmp_path):
    writer = in_another_process(WRITER, tmp_path, "a", 100_000, stdout=subprocess.PIPE)
    committed = [int(writer.stdout.readline()) for _ in range(20)][-1]
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    store = Store(tmp_path)
    keys = [f"a-{i}" for i in range(committed + 1)]
    assert list(store.get(keys)) == sorted(keys)
    store.put({"after": FULL})
    assert store.get(["after"]) == {"after": FULL}


FULL_DISK = """
import resource, sys
from pathlib import Path
from rlc.data.errors import DataError, StoreError
from rlc.data.records import Answer
from rlc.data.store import Store
store = Store(Path(sys.argv[1]))
store.put({"before": Answer("kept", "rag")})
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    store.put({f"big-{i}": Answer("x" * 10_000, "rag") for i in range(100)})
except StoreError as error:
    print(error)
print(sorted(store.get(["before", "big-0"])), flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.put({"after": Answer("also kept", "rag")})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_loses_only_what_did_not_fit(tmp_path):
    done = in_another_process(FULL_DISK, tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said, complaint = done.communicate(timeout=60)
    assert done.returncode == 0, complaint
    message, there = said.splitlines()
    assert "cannot write to the store" in message
    assert "free some space" in message
    assert there == "['before']"
    assert set(Store(tmp_path).get(["before", "after", "big-0"])) == {"before", "after"}


class Busy(sqlite3.Connection):
    """Finds the switch to the log locked, so many times, or for another reason."""

    times, complaint = 0, "database is locked"

    def execute(self, statement, *parameters):
        if "journal_mode" in statement and type(self).times:
            type(self).times -= 1
            raise sqlite3.OperationalError(self.complaint)
        return super().execute(statement, *parameters)


@pytest.fixture
def busy(monkeypatch):
    monkeypatch.setattr("rlc.data.store.sqlite3.connect", partial(sqlite3.connect, factory=Busy))
    monkeypatch.setattr(Busy, "times", 2)
    return monkeypatch


def test_the_switch_to_a_log_waits_for_another_process(busy, tmp_path):
    store = Store(tmp_path)
    assert Busy.times == 0
    assert sqlite3.connect(store.file).execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL


def test_the_switch_to_a_log_does_not_wait_for_ever_nor_for_anything_else(busy, tmp_path):
    busy.setattr("rlc.data.store.LONGEST_WAIT", -1.0)
    with pytest.raises(StoreError, match="is locked; give a writable folder"):
        Store(tmp_path)
    busy.setattr("rlc.data.store.LONGEST_WAIT", 60.0)
    busy.setattr(Busy, "complaint", "disk I/O error")
    with pytest.raises(StoreError, match="disk I/O error"):
        Store(tmp_path)
    assert Busy.times == 0


def test_a_place_that_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"cannot open the store .*answers\.sqlite.*--out"):
        Store(tmp_path / "file")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match=r"cannot open the store .*--out"):
        Store(tmp_path)


def test_a_read_only_file_system():
    if not Path("/proc/self").exists():
        pytest.skip("no /proc to try to write to")
    with pytest.raises(StoreError, match=r"cannot open the store .*--out"):
        Store(Path("/proc/self/rlc"))


def test_another_file_in_its_place(tmp_path):
    (tmp_path / "answers.sqlite").write_bytes(b"not a database, and long enough to be looked at" * 100)
    with pytest.raises(StoreError, match=r"cannot open the store .*not a database"):
        Store(tmp_path)


def test_what_cannot_be_written_is_an_error_with_advice(store):
    with sqlite3.connect(store.file) as connection:
        connection.execute("DROP TABLE answers")
    with pytest.raises(StoreError, match=r"cannot write to the store .*no such table.*: free some space"):
        store.put({"a": FULL})
    with pytest.raises(StoreError, match=r"cannot read the store .*no such table.*; move"):
        store.get(["a"])
