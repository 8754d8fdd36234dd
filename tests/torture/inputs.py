"""Every input of a stranger, damaged at random from a whole one: what reads it takes it or tells what is wrong, in time.

An input is a name, a whole example, what reads its bytes, and the errors by which that tells. Anything else that is
raised, more than `SECONDS` of the processor or `MEBIBYTES` more memory is a finding.
"""

import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from rlc.data.datasets import load_dataset
from rlc.data.errors import RlcError
from rlc.data.formats.files import read_text
from rlc.data.formats.html import read_html
from rlc.data.formats.pdf import read_pdf
from rlc.experiments.cli.runs import line
from rlc.experiments.metrics.cost import read_prices
from rlc.experiments.runs.listing import read_listed
from rlc.experiments.runs.stored import open_run
from rlc.pipeline.llms.support.config import read_config
from rlc.pipeline.llms.support.wire import FaultError, TooLongError, read_reply, read_stream
from rlc.pipeline.recipe_files import load_recipe
from rlc.pipeline.routers.support.gain_model import model_of
from rlc.pipeline.routers.table import TableModel

SECONDS, MEBIBYTES = 5.0, 300.0
TOLD = (RlcError,)
REPLIES = (*TOLD, FaultError, TooLongError, ValidationError, EOFError)
PIECES = [
    b"\0", b"\xff\xfe", b"\r", b"\xed\xa0\x80", b"null", b"[]", b"{}", b"-1", b"1e999", b"NaN", b"9" * 5_000, b'"', b"\\ud800",
    b"[" * 5_000, b"<b>" * 5_000, b'{"a":' * 5_000, b"&amp;" * 999, b"\n" * 5_000, b"@", b"../../etc/passwd", b"=cmd|' /C x'!A0",
]  # fmt: skip
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj
4 0 obj<</Length 44>>stream
BT /F 12 Tf 20 100 Td (Ada keeps it) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
"""
PAGE = b"""<!doctype html><html><head><meta charset="utf-8"><title>T</title></head><body><h1>A</h1><p>One <b>two</b>.
<table><tr><td>1<td>2</table><pre> x  y</pre><ul><li>a<li>b</ul><div hidden>no</div></body></html>"""
QUESTIONS = b"""{"question": "Who?", "document": "a.txt", "answer": "Ada", "task": "qa", "meta": {"x": 1}}
{"question": "When?", "document": "a.txt", "answers": ["1871", "in 1871"], "id": "q2"}
{"question": "Where?", "document": "a.txt", "answerable": false}
"""
REPLY = b"""{"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Ada", "tool_calls": null},
"finish_reason": "stop", "logprobs": {"content": [{"token": "Ada", "logprob": -0.1}]}}], "usage": {"prompt_tokens": 9,
"completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 3}}}"""
STREAM = b"""data: {"choices": [{"delta": {"content": "Ad"}, "finish_reason": null}]}

data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9}}

data: [DONE]
"""
RECIPE = b"""[parts.llm]
use = "scripted"
answers = { "" = "yes" }
[readers.rag]
use = "rag"
chunker = { use = "recursive", size = 64 }
retriever = { use = "bm25", k = 2 }
steps = [{ use = "top", k = 1 }]
llm = "@llm"
"""
CONFIG = b'{"model_type": "llama", "max_position_embeddings": 2048, "num_hidden_layers": 2, "vocab_size": 9}'
PRICES = b"[gpt]\nprompt = 2.5\ncached = 1.25\noutput = 10.0\n"


@dataclass(frozen=True)
class Input:
    """A whole example of an input, and what reads it: `read` is given a folder and the name of the file in it."""

    name: str
    whole: bytes
    read: Callable[[Path], object]
    told: tuple[type[BaseException], ...] = TOLD


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "replace")


def _folder(file: Path) -> object:
    (file.parent / "a.txt").write_text("Ada keeps the lamp, lit in 1871.")
    return load_dataset(str(file.parent))


def _model(name: str) -> bytes:
    return (Path(__file__).parents[2] / "pipeline" / "routers" / name).read_bytes()


INPUTS = [
    Input("a.md", b"# A\n\nAda keeps it.\n", read_text),
    Input("page.html", PAGE, read_html),
    Input("paper.pdf", PDF, read_pdf),
    Input("questions.jsonl", QUESTIONS, _folder),
    Input("recipe.toml", RECIPE, lambda file: load_recipe(file).completed()),
    Input("reply.json", REPLY, lambda file: read_reply(file.read_bytes()), REPLIES),
    Input("stream.txt", STREAM, lambda file: read_stream(_text(file).splitlines(), 10_000), REPLIES),
    Input("fit.json", _model("lara-1.json"), lambda file: model_of(_text(file))),
    Input("table.json", _model("table-1.json"), lambda file: TableModel.from_json(_text(file))),
    Input("config.json", CONFIG, lambda file: read_config(str(file.parent), file.parent, None)),
    Input("prices.toml", PRICES, read_prices),
]


def run_inputs(folder: Path) -> list[Input]:
    """The files of a run without digests, as earlier versions wrote them."""
    (folder / "digests.json").unlink(missing_ok=True)
    opened = lambda file: (open_run(str(folder), folder), line(read_listed(folder)))  # noqa: E731
    names = ("recipe.json", "provenance.json", "summary.json")
    return [Input(name, (folder / name).read_bytes(), opened) for name in names]


def damaged(draw: random.Random, whole: bytes) -> bytes:
    """The bytes with one to three things done to them: a bit flipped, a stretch cut, repeated, or something put in."""
    raw = bytearray(whole)
    for _ in range(draw.randrange(1, 4)):
        at = draw.randrange(len(raw) + 1)
        end = min(len(raw), at + draw.choice([1, 9, 99, 9_999]))
        kind = draw.randrange(4)
        if kind == 0 and at < len(raw):
            raw[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del raw[at:end]
        elif kind == 2:
            raw[at:at] = bytes(raw[at:end]) * draw.choice([1, 50])
        else:
            raw[at:at] = draw.choice(PIECES)
    return bytes(raw)


def trial(one: Input, raw: bytes, folder: Path) -> str:
    """Read these bytes; what is wrong with how that went, or nothing."""
    file = folder / one.name
    file.write_bytes(raw)
    begun, peak = time.process_time(), _peak()
    try:
        one.read(file)
    except one.told:
        pass
    except Exception as error:  # noqa: BLE001 - what the fuzzer is for
        return f"{one.name}: {type(error).__name__}: {str(error)[:120]}"
    if (seconds := time.process_time() - begun) > SECONDS:
        return f"{one.name}: {seconds:.1f} s for {len(raw):,} bytes"
    if (more := _peak() - peak) > MEBIBYTES:
        return f"{one.name}: {more:.0f} MiB for {len(raw):,} bytes"
    return ""


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
