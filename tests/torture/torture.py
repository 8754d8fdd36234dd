"""Kills, full disks, flipped bits, two writers, stopped children, odd servers and hostile texts, at random.

    python tests/torture/torture.py --minutes 120 --seed 1

Prints for every kind how often it was tried and what was lost, wrong or silent: all zero, or the exit code is 1. The
same seed and the same number of rounds try the same things; `--rounds` in place of `--minutes` fixes the number.
"""

import argparse
import json
import os
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import kept
from inputs import INPUTS, damaged, run_inputs, trial

from rlc.chunkers import CHUNKERS
from rlc.data.errors import RlcError
from rlc.data.formats.folder import load_documents
from rlc.data.lazy import load
from rlc.data.records import Answer, Document, Example
from rlc.experiments.runs.loop import scored_row
from rlc.experiments.runs.results_file import read_results
from rlc.experiments.runs.stored import open_run
from rlc.experiments.scorers.base import default_scorer
from rlc.pipeline.recipe_files import load_recipe

QUESTIONS = 40
LIMIT = 240  # seconds for one command, which takes a few, on a busy machine many; a longer one hangs
WORKERS = ["--workers", "2"]
LANES = [[], WORKERS, *[[*WORKERS, "--cluster", "local"]] * (find_spec("ray") is not None)]
RLC = [sys.executable, "-c", "from rlc.experiments.cli.main import main; main()"]
PIECES = [
    *"\0\t\n \"'\\<>&{}[]()#|`~@%$^*_-+=:;,.?!/09azAZéß漢ท한\u202e\ud83d",
    "1e999", "10^999", "-0", "NaN", "<td>", "<pre>", "</p", "<!--", "# ", "```", "| a | b |\n", "A sentence. ", "word " * 40,
]  # fmt: skip

Found = Counter[str]  # of `tried`, `lost`, `wrong`, `silent`, `crashed`
Round = Callable[[random.Random, Path], Found]


class Server(BaseHTTPRequestHandler):
    """Answers most questions, after a moment; some in a way of its own."""

    odd = False

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """One completion."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][-1]["content"]
        time.sleep(0.02)
        own = re.search(
            r"Who (\d+)\?", asked
        )  # else it is what the engine asks to learn the server's dialect
        number = int(own[1]) if own else 1
        reply: object = {"choices": [{"message": {"content": f"Ada {number}"}, "finish_reason": "stop"}]}
        if self.odd and number % 4 == 0:
            counts = [
                {"prompt_tokens": 10**30, "completion_tokens": -1},
                {},
                {"prompt_tokens": None},
                {"x": "1e999"},
            ]
            texts = ["1e999 m", "\ud800", "\x1b[2J", "", "10 x 10^999" * 99]
            content = {"message": {"content": texts[number // 4 % 5]}, "finish_reason": "stop"}
            reply = [{"choices": [content], "usage": counts[number // 4 % 4]}, {"choices": []}, [], "x"][
                number // 8 % 4
            ]
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(odd: bool = False) -> ThreadingHTTPServer:
    """A server on this machine that ends with the process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Odd", (Server,), {"odd": odd}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def comparison(place: Path, server: ThreadingHTTPServer, *more: str) -> list[str]:
    """The command of a small comparison."""
    (place / "own").mkdir(exist_ok=True)
    for name in "abc":
        (place / "own" / f"{name}.txt").write_text(f"Ada keeps the lamp of {name}. " * 30)
    rows = [
        {"question": f"Who {i}?", "document": f"{'abc'[i % 3]}.txt", "answer": f"Ada {i}"}
        for i in range(QUESTIONS)
    ]
    (place / "own" / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (place / "r.toml").write_text(
        f'[parts.llm]\nuse = "endpoint"\nmodel = "m"\nwindow = 8192\nretries = 0\n'
        f'base_url = "http://127.0.0.1:{server.server_port}/v1"\n[readers.long]\nuse = "long"\nllm = "@llm"\n'
    )
    options = [
        "--dataset",
        "own",
        "--recipe",
        "r.toml",
        "--arms",
        "long",
        "--out",
        "runs",
        "--no-track",
        *more,
    ]
    return [*RLC, "compare", *options]


def stored(place: Path) -> int:
    """How many answers the store holds."""
    file = place / "runs" / "answers.sqlite"
    if not file.is_file():
        return 0
    return int(sqlite3.connect(file).execute("SELECT count(*) FROM answers").fetchone()[0])


def finish(place: Path, command: list[str], found: Found) -> None:
    """Run the command to its end undisturbed; every question must have the answer that it has without disturbance."""
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=LIMIT, check=False)
    try:
        [folder] = [file.parent for file in (place / "runs").glob("*/results.parquet")]
        frame = read_results(folder / "results.parquet")
    except (RlcError, ValueError):
        found["lost"] += 1
        return
    expected = {f"Who {i}?": f"Ada {i}" for i in range(QUESTIONS)}
    said = dict(frame.select("question", "prediction").iter_rows())
    found["wrong"] += sum(said.get(question) != text for question, text in expected.items())
    found["lost"] += frame.height != QUESTIONS or done.returncode != 0
    found["silent"] += any("Traceback" in text for text in (done.stdout, done.stderr))


def kills(draw: random.Random, place: Path) -> Found:
    """Kill the comparison, or one of its workers, at random times; then let it end."""
    found = Found()
    command = comparison(place, serve(), *draw.choice(LANES))
    kept = 0
    for _ in range(draw.randrange(1, 4)):
        process = subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0.5, 5))
        victim = draw.choice([process.pid, *children(process.pid)])
        for number in draw.choice(
            [[signal.SIGKILL], [signal.SIGTERM], [signal.SIGINT], [signal.SIGSTOP, signal.SIGCONT]]
        ):
            try:
                os.kill(victim, number)
            except ProcessLookupError:
                break
            time.sleep(0.2)
        found["tried"] += 1
        if victim != process.pid and draw.random() < 0.5:  # else the others go on without it
            process.kill()
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired as error:
            found["crashed"] += 1
            process.kill()
            process.wait()
            sys.stderr.write(f"killed, and still there: {error}\n")
        now = stored(place)
        found["lost"] += now < kept
        kept = now
    finish(place, command, found)
    return found


def children(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    file = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        own = [int(word) for word in file.read_text().split()]
    except OSError:  # it has ended meanwhile
        return []
    return [one for child in own for one in (child, *children(child))]


def disks(draw: random.Random, place: Path) -> Found:
    """Run with files that may not grow beyond a size; then with room."""
    found = Found(tried=1)
    command, size = comparison(place, serve()), draw.randrange(4_000, 120_000)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # noqa: E731
    done = subprocess.run(
        command, cwd=place, capture_output=True, text=True, timeout=LIMIT, check=False, preexec_fn=limit
    )
    found["silent"] += "Traceback" in done.stderr or (done.returncode != 0 and "error:" not in done.stderr)
    finish(place, command, found)
    return found


def writers(draw: random.Random, place: Path) -> Found:
    """Two comparisons on one folder at once, the second a moment later."""
    found = Found(tried=1)
    command = comparison(place, serve())
    both = []
    for _ in range(2):
        both.append(
            subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        )
        time.sleep(draw.uniform(0, 3))
    for process in both:
        try:
            process.communicate(timeout=LIMIT)
        finally:
            process.kill()
        found["lost"] += process.returncode != 0
    finish(place, command, found)
    return found


def servers(draw: random.Random, place: Path) -> Found:
    """A server that answers every fourth question oddly: the others have their answers, and every question its row."""
    found = Found(tried=QUESTIONS // 4)
    command = comparison(place, serve(odd=True), *draw.choice(LANES[:2]))
    for _ in range(2):  # what is stored must not stop the second run
        subprocess.run(command, cwd=place, capture_output=True, timeout=LIMIT, check=False)
        [folder] = [file.parent for file in (place / "runs").glob("*/recipe.json")]
        try:
            frame = open_run(str(folder), place).frame
        except RlcError:
            found["lost"] += 1
            return found
        said = dict(frame.filter(frame["error"].is_null()).select("question", "prediction").iter_rows())
        found["lost"] += frame.height != QUESTIONS
        found["wrong"] += sum(said.get(f"Who {i}?") != f"Ada {i}" for i in range(QUESTIONS) if i % 4)
    return found


def flips(draw: random.Random, place: Path) -> Found:
    """Flip a bit, zero a page or cut a file short, in everything that is kept."""
    command = comparison(place, serve())
    subprocess.run(command, cwd=place, capture_output=True, timeout=LIMIT, check=True)
    [folder] = [file.parent for file in (place / "runs").glob("*/results.parquet")]
    found = Found()
    for kind in (kept.store, kept.vectors, kept.indexes, kept.weights):
        (place / kind.__name__).mkdir()
        for one in kind(place / kind.__name__):
            found += kept.damage(draw, one, 2 if kind is kept.weights else 10)
    for one in kept.run(folder):
        found += kept.damage(draw, one, 10)
    return found


def texts(draw: random.Random, place: Path) -> Found:
    """Hostile texts for chunkers, data folders, recipes and the judge, with limits on time."""
    found, score = Found(), default_scorer()
    for _ in range(30):
        text = "".join(draw.choices(PIECES, k=draw.randrange(1, 400)))
        clean = text.encode("utf-8", "ignore").decode()
        document = Document(id="d", page_content=clean, metadata={})
        size = draw.randrange(1, 40)
        chunker = load(CHUNKERS[draw.choice(["fixed", "recursive", "section", "sentence"])])(
            size, draw.randrange(size)
        )
        ending = draw.choice(["txt", "md", "html", "pdf"])
        (place / f"x.{ending}").write_bytes(text.encode("utf-8", draw.choice(["surrogatepass", "ignore"])))
        trials: list[Callable[[], object]] = [
            lambda chunker=chunker, document=document: chunker.split(document),
            lambda: load_documents(place),
            lambda text=text: load_recipe(f"[readers.r]\nuse = {text}").completed(),
            lambda text=text, document=document: scored_row(
                "r", Example("q", text, document, (text,)), Answer(text, "r"), score
            ),
        ]
        for one in trials:
            found["tried"] += 1
            begun = time.process_time()
            try:
                made = one()
            except RlcError:
                made = None
            except Exception as error:  # noqa: BLE001 - what the torture is for
                found["crashed"] += 1
                sys.stderr.write(f"a hostile text, trial {trials.index(one)}: {error!r}: {text!r}\n")
            found["wrong"] += time.process_time() - begun > 10
            if one is trials[0] and made is not None:
                found["lost"] += lost_text(clean, made)
        (place / f"x.{ending}").unlink()
    return found


def inputs(draw: random.Random, place: Path) -> Found:
    """Damaged files, replies and settings of every kind, with limits on time and memory."""
    found = Found()
    command = comparison(place, serve())
    subprocess.run(command, cwd=place, capture_output=True, timeout=LIMIT, check=True)
    [folder] = [file.parent for file in (place / "runs").glob("*/recipe.json")]
    kinds = [(one, place / "input") for one in INPUTS] + [(one, folder) for one in run_inputs(folder)]
    (place / "input").mkdir()
    for one, where in kinds:
        for _ in range(50):
            found["tried"] += 1
            if said := trial(one, damaged(draw, one.whole), where):
                found["crashed"] += 1
                sys.stderr.write(f"{said}\n")
            (where / one.name).unlink()
        (where / one.name).write_bytes(one.whole)
    return found


def lost_text(text: str, chunks: object) -> bool:
    """Whether a character that is no white space is in no chunk."""
    covered = bytearray(len(text))
    for chunk in chunks:  # type: ignore[attr-defined]
        start, end = chunk.metadata["start_index"], chunk.metadata["end_index"]
        covered[start:end] = b"\1" * (end - start)
    return any(not character.isspace() and not covered[i] for i, character in enumerate(text))


ROUNDS: dict[str, Round] = {
    "kills and stops": kills,
    "full disks": disks,
    "two writers": writers,
    "odd servers": servers,
    "flips and cuts": flips,
    "hostile texts": texts,
    "damaged inputs": inputs,
}


def torture(seed: int, rounds: int | None, minutes: float = 0.0) -> dict[str, Found]:
    """Every kind in turn, so many rounds or for so long."""
    totals = {name: Found() for name in ROUNDS}
    end, number = time.monotonic() + 60 * minutes, 0
    while number < rounds if rounds is not None else time.monotonic() < end:
        for name, one in ROUNDS.items():
            with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    totals[name] += one(random.Random(f"{seed} {number} {name}"), Path(place))
                except subprocess.TimeoutExpired as error:  # a command hangs
                    totals[name]["crashed"] += 1
                    sys.stderr.write(f"{name}, round {number}: {error}\n")
        number += 1
    return totals


def table(totals: dict[str, Found]) -> str:
    """The totals in lines."""
    columns = ("tried", "lost", "wrong", "silent", "crashed")
    lines = [f"{'':<18}" + "".join(f"{column:>9}" for column in columns)]
    lines += [
        f"{name:<18}" + "".join(f"{found[column]:>9,}" for column in columns)
        for name, found in totals.items()
    ]
    return "\n".join(lines)


def bad(totals: dict[str, Found]) -> int:
    """Everything that should be zero, added up."""
    return sum(count for found in totals.values() for column, count in found.items() if column != "tried")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    sys.stdout.write(f"seed {given.seed}\n")
    outcome = torture(given.seed, given.rounds, given.minutes)
    sys.stdout.write(table(outcome) + "\n")
    sys.exit(bool(bad(outcome)))
