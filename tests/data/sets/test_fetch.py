import io
import json
import tarfile
import threading
import zipfile
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rlc.data.errors import DataError, UsageError
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.fetch import check, fetch, folder_of
from rlc.data.sets.lara import CARD, load, prepare, recovered_questions

fetch_lara = partial(fetch, CARD, prepare=prepare)
lara_folder = partial(folder_of, CARD)
check_lara = partial(check, CARD)
TERMS = Card(
    "x", "X", "", Hub("a/x", files=("*.jsonl",)), "Non-commercial", {"one": Part()}, terms="X License"
)


def packed(files: dict[str, str | bytes], *links: str) -> bytes:
    """A gzipped tar archive as GitHub packs it: everything below one folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(f"LaRA-c171553/{name}")
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
        for name in links:
            member = tarfile.TarInfo(f"LaRA-c171553/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(member)
    return buffer.getvalue()


@pytest.fixture
def files(small_lara) -> dict[str, str | bytes]:
    found = {
        path.relative_to(small_lara).as_posix(): path.read_bytes()
        for path in sorted(small_lara.rglob("*"))
        if path.is_file()
    }
    return {"LICENSE": "MIT", "main.py": "print()", **found}


@pytest.fixture
def serve():
    """Serve one body at a time on this machine, and count the requests."""
    served = {"status": 200, "body": b"", "asked": 0}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            served["asked"] += 1
            self.send_response(served["status"])
            self.send_header("Content-Length", str(len(served["body"]) + served.get("missing", 0)))
            self.end_headers()
            self.wfile.write(served["body"])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    served["url"] = f"http://127.0.0.1:{server.server_port}/lara.tar.gz"
    yield served
    server.shutdown()
    server.server_close()


def leftovers(cache) -> list[str]:
    folder = lara_folder(cache).parent
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_first_fetch_brings_the_data_and_records_its_digest(serve, files, tmp_path, small_lara):
    serve["body"] = packed(files)
    cache = tmp_path / "cache"
    folder = fetch_lara(cache, url=serve["url"])
    assert folder == lara_folder(cache)
    assert load(folder).revision == load(small_lara).revision
    assert (folder / "LICENSE").read_text() == "MIT"
    assert not (folder / "main.py").exists()  # upstream's code is not needed
    assert leftovers(cache) == ["lara", "lara.json"]
    assert json.loads((folder.parent / "lara.json").read_text())["url"] == serve["url"]


def test_a_second_fetch_asks_nobody(serve, files, tmp_path):
    serve["body"] = packed(files)
    for _ in range(2):
        fetch_lara(tmp_path, url=serve["url"])
    assert serve["asked"] == 1


def test_changed_files_are_found(serve, files, tmp_path):
    serve["body"] = packed(files)
    folder = fetch_lara(tmp_path, url=serve["url"])
    check_lara(tmp_path)
    (folder / "datasets/32k/book/A Tale.txt").write_text("Changed.")
    with pytest.raises(DataError, match="its files have the digest"):
        check_lara(tmp_path)
    with pytest.raises(DataError, match="its files have the digest"):
        fetch_lara(tmp_path, url=serve["url"])


def test_another_archive_than_the_first_is_refused(serve, files, tmp_path):
    serve["body"] = packed(files)
    folder = fetch_lara(tmp_path, url=serve["url"])
    folder.rename(tmp_path / "away")
    serve["body"] = packed(files | {"LICENSE": "other"})
    with pytest.raises(DataError, match="the first fetch brought"):
        fetch_lara(tmp_path, url=serve["url"])
    assert leftovers(tmp_path) == ["lara.json"]
    serve["body"] = packed(files)
    assert fetch_lara(tmp_path, url=serve["url"]) == folder


@pytest.mark.parametrize("name", ["datasets/../../../evil.txt", "datasets/query/../../evil.txt"])
def test_a_path_that_leaves_the_folder_is_refused(serve, files, tmp_path, name):
    serve["body"] = packed(files | {name: "evil"})
    with pytest.raises(DataError, match="no plain file below it"):
        fetch_lara(tmp_path / "cache", url=serve["url"])
    assert not list(tmp_path.rglob("evil.txt"))
    assert leftovers(tmp_path / "cache") == []


def test_a_link_is_refused(serve, files, tmp_path):
    serve["body"] = packed(files, "datasets/32k/book/Link.txt")
    with pytest.raises(DataError, match="no plain file below it"):
        fetch_lara(tmp_path, url=serve["url"])
    assert leftovers(tmp_path) == []


def test_a_refusing_network_says_what_to_do_instead(serve, tmp_path):
    serve["status"] = 403
    with pytest.raises(DataError, match=r"403.*git clone .*checkout c17155376f4e.*--data-root"):
        fetch_lara(tmp_path, url=serve["url"])
    with pytest.raises(DataError, match="cannot be fetched"):
        fetch_lara(tmp_path, url="http://127.0.0.1:9/nobody.tar.gz")
    assert leftovers(tmp_path) == []


def test_a_cut_download_and_a_damaged_archive_leave_nothing(serve, files, tmp_path):
    whole = packed(files)
    serve["body"], serve["missing"] = whole, 10
    with pytest.raises(DataError, match="cannot be fetched"):
        fetch_lara(tmp_path, url=serve["url"])
    serve["missing"] = 0
    for body in (whole[: len(whole) // 2], b"no archive", whole[:-8] + b"\0" * 8):
        serve["body"] = body
        with pytest.raises(DataError, match="damaged"):
            fetch_lara(tmp_path, url=serve["url"])
    serve["body"] = packed({"LICENSE": "MIT"})
    with pytest.raises(DataError, match="is not LaRA"):
        fetch_lara(tmp_path, url=serve["url"])
    assert leftovers(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_named(serve, files, tmp_path):
    serve["body"] = packed(files)
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(DataError, match="RLC_CACHE"):
        fetch_lara(tmp_path / "cache", url=serve["url"])


ASKED = [
    {
        "type": "novel_fake",
        "level": "location",
        "file": "B.txt",
        "context_order": order,
        "question": f"Q{order}?",
    }
    | {"prediction": False, "ground_truth": f"A{order}."}
    for order in (0, 1)
]


def predictions(*rows: dict) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    "stored", [{}, {"datasets/query/128k_book_location.jsonl": "version https://git-lfs\noid 1\n"}]
)
def test_absent_questions_are_recovered_from_the_fullest_predictions(serve, files, tmp_path, stored):
    folder = "evaluation/prediction"
    serve["body"] = packed(
        files
        | stored
        | {
            "datasets/128k/book/B.txt": "A book.",
            f"{folder}/a/rag_preds_a_128k_book_location.jsonl": predictions(ASKED[1]),
            f"{folder}/b/full_preds_b_128k_book_location.jsonl": predictions(*ASKED),
        }
    )
    root = fetch_lara(tmp_path, url=serve["url"])
    recovered = [one for one in load(root).examples if one.id.startswith("128k_book_location")]
    assert [(one.question, one.answers) for one in recovered] == [("Q0?", ("A0.",)), ("Q1?", ("A1.",))]
    assert recovered[0].metadata["row_type"] == "novel_fake"


def test_nothing_to_recover_from_is_an_error(serve, files, tmp_path):
    serve["body"] = packed(files | {"datasets/128k/book/B.txt": "A book."})
    with pytest.raises(DataError, match="nor predictions to recover it from"):
        fetch_lara(tmp_path, url=serve["url"])


@pytest.mark.lara
def test_what_is_recovered_equals_the_real_rows():
    import os
    from pathlib import Path

    if not os.environ.get("RLC_DATA"):
        pytest.skip("RLC_DATA does not name a LaRA folder")
    root = Path(os.environ["RLC_DATA"])
    lines = (root / "datasets/query/128k_book_location.jsonl").read_text(encoding="utf-8").splitlines()
    real = [{key: value for key, value in json.loads(line).items() if key != "context"} for line in lines]
    assert recovered_questions(root) == real


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_terms_must_be_accepted_in_their_words(tmp_path):
    with pytest.raises(UsageError, match=r'Non-commercial.*--accept "X License"'):
        fetch(TERMS, tmp_path)
    archive = zipped(tmp_path / "x.zip", {"rows.jsonl": "{}"})
    folder = fetch(TERMS, tmp_path, origin=archive, accepted="x license")
    assert [path.name for path in folder.iterdir()] == ["rows.jsonl"]
    record = json.loads(folder.with_suffix(".json").read_text())
    assert (record["accepted"], record["url"]) == ("x license", str(archive))


def test_files_that_were_brought_are_held_to_the_first_ones(tmp_path):
    first = zipped(tmp_path / "a.zip", {"rows.jsonl": "{}"})
    folder = fetch(TERMS, tmp_path, origin=first, accepted="X License")
    folder.rename(tmp_path / "away")
    other = zipped(tmp_path / "b.zip", {"rows.jsonl": "[]"})
    with pytest.raises(DataError, match="the first fetch brought"):
        fetch(TERMS, tmp_path, origin=other, accepted="X License")


@pytest.mark.parametrize(
    ("files", "said"),
    [({"../evil.jsonl": "x"}, "leads out of its folder"), ({"a/": ""}, "holds no file of X")],
)
def test_a_zip_that_will_not_do_is_refused(tmp_path, files, said):
    with pytest.raises(DataError, match=said):
        fetch(TERMS, tmp_path / "c", origin=zipped(tmp_path / "x.zip", files), accepted="X License")
    assert not list(tmp_path.rglob("evil*"))


def test_a_damaged_zip_and_a_missing_file_are_named(tmp_path):
    (tmp_path / "x.zip").write_text("no zip")
    with pytest.raises(DataError, match=r"x\.zip: is damaged or no zip file"):
        fetch(TERMS, tmp_path / "c", origin=tmp_path / "x.zip", accepted="X License")
    with pytest.raises(DataError, match="no such file or folder"):
        fetch(TERMS, tmp_path / "c", origin=tmp_path / "y.zip", accepted="X License")


def test_a_hub_that_is_not_reached_says_what_to_do_instead(tmp_path):
    with pytest.raises(DataError, match=r"datasets/a/x: cannot be fetched.*rlc fetch dataset x --from"):
        fetch(TERMS, tmp_path, accepted="X License")
