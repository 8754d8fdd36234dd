"""How long a command lives on after Ctrl-C, and after a second one, in every state that takes a while.

    python experiments/bench/interrupts.py OUT.json [--states "silent endpoint" ...]

Every state is a command of its own, interrupted half a second after its sign has come: a file, a request at the server, or
so many seconds of the processor that it has used (loading the libraries takes three). The figures are wall time on this
machine, whatever its load.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rlc.experiments.bench.base import BenchRecord, say
from rlc.experiments.bench.load import RLC, words, write_questions

SETTLED = 0.5
LIMIT = 60.0  # seconds after which a command counts as not ended
ENDPOINT = """[parts.llm]
use = "endpoint"
model = "m"
window = 100000
base_url = "http://127.0.0.1:{port}/v1"
[readers.long]
use = "long"
llm = "@llm"
"""
SCRIPTED = """[parts.llm]
use = "scripted"
answers = {{ "" = "42 m" }}
[readers.rag]
use = "rag"
chunker = {{ use = "recursive", size = 64 }}
retriever = {{ {retriever} }}
llm = "@llm"
"""


class Odd(BaseHTTPRequestHandler):
    """Answers the engine's first short question, then says nothing, or that it is busy."""

    asked = 0
    silent = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """One completion, or none."""
        self.rfile.read(int(self.headers["Content-Length"]))
        Odd.asked += 1
        if self.silent and Odd.asked > 1:
            time.sleep(LIMIT)
        busy = not self.silent and Odd.asked > 1
        body = json.dumps({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}).encode()
        self.send_response(503 if busy else 200)
        self.send_header("Retry-After", "300")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Quiet(ThreadingHTTPServer):
    """A server that is not troubled by clients that are gone."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever was interrupted hears no reply."""


@dataclass(frozen=True)
class State:
    """A recipe, options of `rlc compare`, and the sign: seconds of the processor, or a check of the folder."""

    recipe: str
    options: tuple[str, ...] = ("--no-track",)
    sign: float | Callable[[Path], bool] = 4.0
    questions: int = 200
    report: bool = False


def _finished(place: Path) -> bool:
    return any(place.glob("runs/*/results.parquet"))


def _answering(place: Path) -> bool:
    file = place / "runs" / "answers.sqlite-wal"
    return file.is_file() and file.stat().st_size > 100_000


def _processor_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def states(busy: int, silent: int) -> Mapping[str, State]:
    """Every state, given the ports of two servers."""
    long, scripted = ("--arms", "long", "--no-track"), ("--arms", "rag", "--no-track")
    bm25 = SCRIPTED.format(retriever='use = "bm25"')
    dense = SCRIPTED.format(retriever='use = "dense", encoder = "minilm"')
    return {
        "silent endpoint": State(ENDPOINT.format(port=silent), long, lambda _: Odd.asked > 1),
        "silent endpoint, two workers": State(
            ENDPOINT.format(port=silent), (*long, "--workers", "2"), lambda _: Odd.asked > 2
        ),
        "back-off of 300 s": State(ENDPOINT.format(port=busy), long, lambda _: Odd.asked > 1),
        "answering": State(bm25, scripted, _answering, questions=5_000),
        "two workers answering": State(bm25, (*scripted, "--workers", "2"), _answering, questions=5_000),
        "indexing a text of 20 MB": State(bm25, scripted, 8.0, questions=0),
        "encoding": State(dense, scripted, 12.0),
        "MLflow": State(bm25, ("--arms", "rag"), _finished),
        "report": State(bm25, scripted, 4.5, questions=2_000, report=True),
    }


def seconds_to_end(state: State, place: Path, second: bool) -> float:
    """Seconds from Ctrl-C to the command's end; with `second` another follows after 50 ms."""
    write_questions(place / "own", state.questions)
    if not state.questions:
        (place / "own" / "big.txt").write_text(words(random.Random(1), 3_000_000), encoding="utf-8")  # noqa: S311
        (place / "own" / "questions.jsonl").write_text(
            '{"question": "How high is word7?", "answer": "42 m"}\n'
        )
    (place / "r.toml").write_text(state.recipe, encoding="utf-8")
    command = [*RLC, "compare", "--dataset", "own", "--recipe", "r.toml", "--out", "runs", *state.options]
    if state.report:
        subprocess.run(command, cwd=place, capture_output=True, check=True)  # noqa: S603
        [run] = [file.parent for file in place.glob("runs/*/results.parquet")]
        command = [*RLC, "report", str(run)]
    Odd.asked = 0
    with (place / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=place, stdout=said, stderr=said)  # noqa: S603
        while not (
            _processor_seconds(process.pid) > state.sign
            if isinstance(state.sign, float)
            else state.sign(place)
        ):
            if process.poll() is not None:
                raise SystemExit(f"ended before the sign: {(place / 'said').read_text()[-500:]}")
            time.sleep(0.02)
        time.sleep(SETTLED)
        process.send_signal(signal.SIGINT)
        interrupted = time.monotonic()
        if second:
            time.sleep(0.05)
            process.send_signal(signal.SIGINT)
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return time.monotonic() - interrupted


def main() -> None:
    """Measure the states of the command line, or all."""
    ports = []
    for quiet in (False, True):
        server = Quiet(("127.0.0.1", 0), type("Server", (Odd,), {"silent": quiet}))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ports.append(server.server_port)
    known = states(*ports)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--states", nargs="*", default=list(known), choices=list(known))
    given = parser.parse_args()
    record = BenchRecord(given.out)
    for name in given.states:
        figures = {}
        for second in (False, True):
            with tempfile.TemporaryDirectory() as place:
                figures["second" if second else "first"] = seconds_to_end(known[name], Path(place), second)
        record.add(name, figures)
        say(f"{name}: {figures['first']:.1f} s; with a second one {figures['second']:.1f} s")


if __name__ == "__main__":
    main()
