"""What a comparison costs beside its model: seconds an answer, peak memory, bytes kept, seconds of every look at it.

    python experiments/bench/load.py OUT.json [--questions 1000 10000 100000] [--documents 1000 10000]
        [--text-mb 20 200] [--plot OUT.svg]

The scripted engine answers at once, so that all time is rlc's own. A hundred questions stand on each document of a
thousand words; `rag` (BM25) and `long` answer every one. Every command is a process of its own; its peak memory is what
the system counted. `data` only reads the questions: what is above it is the comparison's.
A folder of so many documents, with a question each, is read, and a comparison on it forecast (`--dry-run`).
A text of so many MB is read from a folder, cut, and indexed by BM25; memory is in bytes a byte of text.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from rlc.experiments.bench.base import BenchRecord, Figures, say

RLC = (sys.executable, "-c", "from rlc.experiments.cli.main import main; main()")
RECIPE = """
[parts.llm]
use = "scripted"
answers = { "" = "It is 42 m high, as the keeper of the lamp says in her first letter." }
[readers.rag]
use = "rag"
chunker = { use = "recursive", size = 128 }
retriever = { use = "bm25", k = 5 }
llm = "@llm"
[readers.long]
use = "long"
llm = "@llm"
"""
PER_DOCUMENT = 100
PAGES = ("", "/questions", "/questions?text=word7", "/questions?verdict=wrong", "/question?id=q77")
LOOKS = (
    "from pathlib import Path; from rlc.chunkers import RecursiveChunker; from rlc.retrievers import BM25Retriever; "
    "from rlc.data.formats.folder import load_documents; ",
    "documents = load_documents(Path({folder!r})); ",
    "chunks = RecursiveChunker(size=128).transform_documents(list(documents.values())); ",
    "BM25Retriever.from_documents(chunks, k=5).invoke('who keeps the lamp')",
)


def measured(command: Sequence[str], folder: Path) -> Figures:
    """Run a command; its seconds (wall and CPU) and its peak memory in MiB.

    Raises:
        SystemExit: if it fails, with what it said.
    """
    begun = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)  # noqa: S603
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)} failed: {said.read().decode()[-2000:]}")
    return {
        "seconds": time.monotonic() - begun,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }


def viewed(run: str, folder: Path) -> Figures:
    """Look through a run in a browser's stead; the server's seconds (wall and CPU) and its peak memory in MiB."""
    begun = time.monotonic()
    command = [*RLC, "view", run, "--port", "0", "--no-browser", "--data-root", "own"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:  # noqa: S603
        address = "" if server.stdout is None else server.stdout.readline().decode().strip()
        for page in PAGES:
            with urllib.request.urlopen(f"{address}run/{Path(run).name}{page}", timeout=600) as answer:  # noqa: S310
                answer.read()
        server.send_signal(signal.SIGINT)
        _, status, usage = os.wait4(server.pid, 0)
        server.returncode = os.waitstatus_to_exitcode(status)
    return {
        "seconds": time.monotonic() - begun,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }


def words(draw: random.Random, count: int) -> str:
    """Text with sentences of a dozen words out of five hundred."""
    chosen = [f"word{draw.randrange(500)}" for _ in range(count)]
    return " ".join(word + "." * (i % 12 == 11) for i, word in enumerate(chosen))


def write_questions(folder: Path, questions: int, per_document: int = PER_DOCUMENT) -> None:
    """A folder of documents with so many questions."""
    draw = random.Random(1)  # noqa: S311 - no secret
    folder.mkdir()
    with (folder / "questions.jsonl").open("w", encoding="utf-8") as file:
        for first in range(0, questions, per_document):
            name = f"text-{first // per_document:05}.txt"
            (folder / name).write_text(words(draw, 1_000), encoding="utf-8")
            for number in range(first, min(first + per_document, questions)):
                asked = f"How high is the tower {number} of {words(draw, 5)}?"
                file.write(
                    f'{{"id": "q{number}", "question": "{asked}", "document": "{name}", "answer": "42 m"}}\n'
                )


def comparison(questions: int, place: Path) -> Figures:
    """Compare, look at the run in every way, and compare again from the store."""
    write_questions(place / "own", questions)
    (place / "r.toml").write_text(RECIPE, encoding="utf-8")
    compare = [*RLC, "compare", "--dataset", "own", "--recipe", "r.toml", "--out", "runs", "--no-track"]
    reading = "from rlc.data.datasets import load_dataset; load_dataset('own')"
    figures: Figures = {}
    for name, command in {"data": [sys.executable, "-c", reading], "compare": compare}.items():
        figures[name] = _told(f"{questions:,} {name}", measured(command, place))
    [run] = [str(file.parent) for file in (place / "runs").glob("*/results.parquet")]
    for name, more in {
        "report": ["report", run, "--data-root", "own"],
        "show": ["show", run, "q77"],
        "diff": ["diff", run, run],
        "again": compare[len(RLC) :],
    }.items():
        figures[name] = _told(f"{questions:,} {name}", measured([*RLC, *more], place))
    figures["view"] = _told(f"{questions:,} view", viewed(run, place))
    sizes = {
        "store": place / "runs" / "answers.sqlite",
        "results": Path(place / run) / "results.parquet",
    }
    figures["bytes"] = {name: file.stat().st_size for name, file in sizes.items()}
    figures["bytes"]["report"] = max(file.stat().st_size for file in (place / run).rglob("*.html"))
    answers = 2 * questions
    figures["milliseconds_an_answer"] = 1000 * figures["compare"]["cpu_seconds"] / answers
    say(f"{questions:,} bytes: {figures['bytes']}; {figures['milliseconds_an_answer']:.2f} CPU ms an answer")
    return figures


def documents(count: int, place: Path) -> Figures:
    """A folder of so many documents with a question each: reading it, and the forecast of a comparison."""
    write_questions(place / "own", count, per_document=1)
    (place / "r.toml").write_text(RECIPE, encoding="utf-8")
    reading = "from rlc.data.datasets import load_dataset; load_dataset('own')"
    forecast = [*RLC, "compare", "--dataset", "own", "--recipe", "r.toml", "--no-track", "--dry-run"]
    return {
        name: _told(f"{count:,} documents, {name}", measured(command, place))
        for name, command in {"data": [sys.executable, "-c", reading], "dry-run": forecast}.items()
    }


def text(megabytes: int, place: Path) -> Figures:
    """One text: loading, cutting, indexing, each with all before it."""
    (place / "own").mkdir()
    once = words(random.Random(1), 100_000)  # noqa: S311 - no secret
    with (place / "own" / "big.txt").open("w", encoding="utf-8") as file:
        for _ in range(megabytes * 1_000_000 // len(once) + 1):
            file.write(once + "\n\n")
    size = (place / "own" / "big.txt").stat().st_size
    figures: Figures = {}
    empty = 0.0
    for name, upto in {"import": 1, "load": 2, "cut": 3, "index": 4}.items():
        code = "".join(LOOKS[:upto]).format(folder=str(place / "own"))
        found = measured([sys.executable, "-c", code], place)
        empty = empty or found["peak_mib"]
        found["bytes_a_byte"] = (found["peak_mib"] - empty) * 2**20 / size
        figures[name] = _told(f"text of {megabytes} MB, {name}", found)
    return figures


def growth(records: Mapping[str, Figures], file: Path) -> None:
    """Draw seconds and memory of every command against the number of questions; straight lines are linear growth."""
    from matplotlib.figure import Figure

    sizes = {
        int(name.split()[1]): figures for name, figures in records.items() if name.startswith("questions ")
    }
    figure = Figure((8, 3.4), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, key, label in zip(
        panels, ("cpu_seconds", "peak_mib"), ("CPU seconds", "peak memory, MiB"), strict=True
    ):
        for command in ("compare", "again", "report", "diff", "view", "show"):
            axes.plot(
                list(sizes), [one[command][key] for one in sizes.values()], "o-", label=command, markersize=4
            )
        axes.set(xscale="log", yscale="log", xlabel="questions, each asked of two readers", ylabel=label)
        axes.grid(visible=True, which="both", alpha=0.2)
    panels[0].legend(frameon=False)
    figure.savefig(file)


def _told(name: str, figures: Figures) -> Figures:
    said = ", ".join(f"{value:,.1f} {key}" for key, value in figures.items())
    say(f"{name}: {said}")
    return figures


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--questions", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--documents", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--text-mb", type=int, nargs="*", default=[20, 200])
    parser.add_argument("--plot", type=Path, help="draw the growth with the questions here")
    given = parser.parse_args()
    record = BenchRecord(given.out)
    for one, sizes, name in (
        (comparison, given.questions, "questions"),
        (documents, given.documents, "documents"),
        (text, given.text_mb, "text-mb"),
    ):
        for size in sizes:
            with tempfile.TemporaryDirectory() as place:
                record.add(f"{name} {size}", one(size, Path(place)))
    if given.plot:
        growth(json.loads(given.out.read_text(encoding="utf-8")), given.plot)


if __name__ == "__main__":
    main()
