"""`rlc attribute`: which of the texts that were read a stored answer rests on."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from rlc.data.errors import RlcError, UsageError, unknown
from rlc.data.protocols import Attending, Prompt, attending
from rlc.data.records import Document, Example
from rlc.data.spec import Spec
from rlc.data.text.escape import escape_controls, shorten
from rlc.experiments.cli.options import EVIDENCE_ROOT, OUT, QUESTION, RUN
from rlc.experiments.cli.words import say_line, tell
from rlc.experiments.metrics.attn_trace import Span, attn_trace
from rlc.experiments.metrics.evidence import places, silver
from rlc.experiments.report.pages.question import open_question
from rlc.experiments.runs.prompts import rebuild_prompts
from rlc.experiments.runs.results import ResultRow, evidence_of, steps_of
from rlc.pipeline.families import BUILDER, LLM
from rlc.pipeline.llms.support.names import engine_spec
from rlc.pipeline.readers.support.moves import pieces_of

PIECE = 128  # tokens of a piece of what was read whole: about the 100 words of the authors' segments
SHOWN = 200  # characters of a text


@click.command()
@RUN
@QUESTION
@OUT
@click.option("--reader", "readers", multiple=True, help="Of this reader's answer only; may be repeated.")
@click.option(
    "--model",
    metavar="[ENGINE:]MODEL",
    help="Who looks, such as hf:smollm2; by default the model that answered. Its engine must show its attention (hf).",
)
@click.option("--top", type=click.IntRange(min=1), default=5, help="Texts that are told.")
@click.option(
    "--subsets",
    type=click.IntRange(min=1),
    default=30,
    help="Random subsets of the texts that the prompt is read with.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.4,
    help="Share of the texts in a subset; 1 reads all of them, once.",
)
@click.option("--seed", default=0, help="Of the subsets.")
@EVIDENCE_ROOT
def attribute(
    run: str,
    question: str,
    out: Path,
    readers: tuple[str, ...],
    model: str | None,
    top: int,
    subsets: int,
    share: float,
    seed: int,
    data_root: Path | None,
) -> None:
    """Say which texts the answers to QUESTION in RUN rest on, by what a model looks at while it says them (AttnTrace).

    Shares are of what all texts are paid. A star stands where the rule finds the gold answer.
    """
    looks = {"subsets": subsets, "share": share, "seed": seed}
    for line in attribute_question(run, question, out, readers, model, top, looks, data_root):
        say_line(line)


def attribute_question(
    run: str,
    question: str,
    out: Path,
    readers: Sequence[str] = (),
    model: str | None = None,
    top: int = 5,
    looks: Spec | None = None,
    data_root: Path | None = None,
) -> Iterator[str]:
    """The lines that tell which texts the stored answers to one question rest on.

    Args:
        run: The run's folder, or its name below `out`.
        question: The question's id, or a part of its id or its text that no other has.
        out: The folder of runs.
        readers: Of these readers' answers only; none names all.
        model: Who looks, as `ENGINE:MODEL`; None takes the model that answered.
        top: How many texts are told.
        looks: Settings of `rlc.experiments.metrics.attn_trace.attn_trace`.
        data_root: Where the data set lies.

    Raises:
        UsageError: if there is no such run, question or reader.
        DataError: if the run cannot be read or its documents are not at hand.
        UnsupportedError: if the engine does not show what the model looks at.
    """
    stored = open_question(run, question, out)
    rows = stored.frame.to_dicts()
    known = [row["reader"] for row in rows]
    if strangers := [name for name in readers if name not in known]:
        raise UsageError(escape_controls(unknown("reader", strangers[0], known)))
    examples = stored.dataset(data_root).examples
    example = next(one for one in examples if one.id == rows[0]["example_id"])
    gold = _gold(example)
    yield escape_controls(f"{example.id}: {example.question}")
    for row in rows:
        if row["reader"] not in (readers or known):
            continue
        yield escape_controls(f"{stored.labels.get(row['reader'], row['reader'])}: {row['prediction']!r}")
        try:
            lines = _attributed(stored.specs[row["reader"]], row, example, gold, model, top, looks or {})
            yield from (f"    {line}" for line in lines)
        except RlcError as error:
            if readers or len(rows) == 1:
                raise
            yield escape_controls(f"    cannot be told: {error}")


def _attributed(
    spec: Spec,
    row: ResultRow,
    example: Example,
    gold: Sequence[Span],
    model: str | None,
    top: int,
    looks: Spec,
) -> list[str]:
    if row["error"] is not None or not row["prediction"].strip():
        raise UsageError("there is no answer")
    prompts = rebuild_prompts(spec, example, steps_of(row["steps"]))
    if row["prompt_hash"] not in prompts or row["route"] != row["reader"]:
        raise UsageError(
            "its prompt cannot be made again (a router's answer is told under the arm that gave it)"
        )
    if model is None and "llm" not in spec:
        raise UsageError("this reader holds several models or none: name the one that looks with --model")
    llm = _engine(spec["llm"] if model is None else engine_spec(model))
    prompt = prompts[row["prompt_hash"]]
    read = _texts_read(row, example, prompt, llm)
    if not read:
        raise UsageError("none of the document's text stands in its prompt as it stands in the document")
    tell(f"{row['reader']}: {len(read)} texts are looked at")
    scores, usage = attn_trace(llm, prompt, [span for span, _ in read], row["prediction"], **looks)
    total = float(scores.sum()) or 1.0
    order = sorted(range(len(read)), key=lambda i: (-scores[i], i))[:top]
    lines = []
    for i in order:
        _, (start, end) = read[i]
        star = "*" if any(start < b and a < end for a, b in gold) else " "
        text = " ".join(example.document.page_content[start:end].split())
        lines.append(
            escape_controls(f"{scores[i] / total:4.0%} {star} {start}-{end}: {shorten(text, SHOWN)}")
        )
    lines.append(
        f"{len(read)} texts, {usage.calls} passes, {usage.prompt_tokens:,} tokens, {usage.seconds:.1f} s"
    )
    return lines


def _engine(spec: Spec) -> Any:  # noqa: ANN401 - what the spec names
    return attending(BUILDER.build(BUILDER.complete(spec, LLM, "llm"), LLM, "llm"))


def _texts_read(row: ResultRow, example: Example, prompt: Prompt, llm: Attending) -> list[tuple[Span, Span]]:
    """The texts of the document that stand in the prompt: each one's span there and in the document.

    They are the passages that were read, or pieces of what was read whole.
    """
    text = example.document.page_content
    spans = [
        (one.start, one.end) for one in evidence_of(row["evidence"]) if one.document_id == example.document_id
    ]
    if not spans:
        whole = Document(id=example.document_id, page_content=text)
        tokenizer = llm.tokenizer  # type: ignore[attr-defined]  # engines are LLMs, too
        pieces = pieces_of(whole, PIECE, tokenizer)
        spans = [(piece.metadata["start_index"], piece.metadata["end_index"]) for piece in pieces]
    found: dict[Span, Span] = {}
    for start, end in spans:
        at = prompt.prefix.find(text[start:end])
        taken = any(a < at + end - start and at < b for a, b in found)
        if at >= 0 and start < end and not taken:
            found[at, at + end - start] = (start, end)
    return sorted(found.items())


def _gold(example: Example) -> Sequence[Span]:
    if example.gold:
        return [(one.start, one.end) for one in example.gold if one.document_id == example.document_id]
    marked = silver([example])
    return places(example.document.page_content, marked[example.id]) if example.id in marked else ()
