"""LaRA (Li et al., 2025, arXiv:2502.09977), read from upstream's own layout.

    datasets/<length>/<type>/<file>                                     the documents
    datasets/query/<length>_<type>_<task>.jsonl                         the questions
    evaluation/prediction/<model>/{full,rag}_preds_*_<length>_<type>_<task>.jsonl   what other models answered

What upstream's rows ask of a reader: `type` in a row is not always the folder's name; `comp` rows carry
`comp_parts` in place of `context_order`, which is a number or "full" (a string in some prediction files); some
rows carry their passage in `context` (not read: the document is the context); one question stands twice; files
may lack their last newline; the files of model folder `gpt-4o-0806` are named after another model; some
prediction files lack rows, so they are matched by file and question and never by line.
"""

import functools
import json
import os
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.documents import Document

from rlc.data.errors import DataError, UsageError, unknown
from rlc.data.formats.files import JsonRow, digest, numbered, read_rows, read_text, short_digest
from rlc.data.records import Dataset, Example
from rlc.data.sets.card import Card, Git, Part
from rlc.data.sets.fetch import check, folder_of
from rlc.data.sets.recordings import Recording, Recordings

if TYPE_CHECKING:
    import polars as pl

TASKS = ("location", "reasoning", "comp", "hallu")
LAYOUT = "datasets/<length>/<type>/<file> and datasets/query/<length>_<type>_<task>.jsonl"

SAMPLE = Path(__file__).parents[1] / "sample"  # documents and questions of this project's own, in this layout
CARD = Card(
    name="lara",
    title="LaRA",
    paper="arXiv:2502.09977",
    source=Git(
        "https://github.com/Alibaba-NLP/LaRA",
        "c17155376f4e708bce3c1659facd19886d75a5eb",
        keep=("LICENSE", "datasets/", "evaluation/prediction/"),
    ),
    licence="MIT",
    parts={task: Part() for task in TASKS},
    upstream="Alibaba-NLP/LaRA@c171553",
    language=("en",),
    unit="tokens",
    lengths="32k, 128k",
    questions=2326,
    judge="GPT-4o",
    bibtex="""@article{li2025lara,
  title={LaRA: Benchmarking Retrieval-Augmented Generation and Long-Context LLMs},
  author={Li, Kuan and Zhang, Liwen and Jiang, Yong and Xie, Pengjun and Huang, Fei and Wang, Shuai and Cheng, Minhao},
  journal={arXiv preprint arXiv:2502.09977},
  year={2025}
}""",
    note="Answers of eleven models with both arms are recorded: --model recorded:all.",
)

_PUBLISHED_LENGTHS = {"32k", "128k"}
_RECOVERABLE = "128k_book_location.jsonl"  # so large with its passages that mirrors leave it out
_LFS_POINTER = b"version https://git-lfs"
_GROUP = rf"(?P<length>\d+k)_(?P<type>[a-z]+)_(?P<task>{'|'.join(TASKS)})\.jsonl"
_Key = tuple[str, str, str, str, str]  # length, type, task, file, question
_QUERIES = re.compile(_GROUP)
_ARMS = {"full": "long", "rag": "rag"}
_PREDICTIONS = re.compile(rf"(?P<arm>full|rag)_preds_.+_{_GROUP}")
_PAPER = re.compile(r"^<paper \d+>", re.MULTILINE)
_NAME = re.compile(r"(?<=[\w,;] )[A-Z]\w*[a-z]")  # capitalised inside a sentence


def dataset(root: str = "") -> Dataset:
    """LaRA from `root`, else `RLC_DATA`, else the cache; where none is given or fetched, the bundled sample.

    The sample is told by `variant="sample"`. A place that is given and does not hold LaRA is an error.

    Raises:
        DataError: where the place does not hold LaRA, or the fetched files are no longer what was fetched.
    """
    if given := root or os.environ.get("RLC_DATA", ""):
        return read(Path(given).expanduser())
    return read(check(CARD)) if folder_of(CARD).exists() else load(SAMPLE, variant="sample")


def read(root: Path) -> Dataset:
    """Read LaRA's layout; only the published lengths may be called the benchmark."""
    if root.resolve() == SAMPLE.resolve():
        return load(SAMPLE, variant="sample")
    dataset = load(root)
    lengths = {example.metadata["length"] for example in dataset.examples}
    return dataset if lengths <= _PUBLISHED_LENGTHS else replace(dataset, variant="own")


def prepare(root: Path) -> None:
    """Hold freshly brought files to be LaRA, and recover what mirrors leave out.

    Raises:
        DataError: where they are not, or hold nothing to recover it from.
    """
    if not (root / "datasets" / "query").is_dir():
        raise DataError("the archive holds no datasets/query, so it is not LaRA; fetch it again")
    path = root / "datasets" / "query" / _RECOVERABLE
    absent = not path.is_file() or path.read_bytes().startswith(_LFS_POINTER)
    if absent and (root / "datasets" / "128k" / "book").is_dir():
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in recovered_questions(root))
        path.write_text("".join(lines), encoding="utf-8")


def recovered_questions(root: Path) -> list[dict[str, Any]]:
    """The rows of `128k_book_location.jsonl`, without their passages, from what models answered to them.

    Every row that a model was asked stands in its prediction file with the gold answer; the longest file counts,
    since some lack rows.

    Raises:
        DataError: where no prediction file holds them.
    """
    files = sorted(_predictions(root).glob(f"*/*_preds_*_{_RECOVERABLE}"))
    if not files:
        raise DataError(
            f"{root}: holds neither datasets/query/{_RECOVERABLE} nor predictions to recover it from: fetch it again"
        )
    return max((read_rows(path, _asked) for path in files), key=len)


def _asked(row: JsonRow) -> dict[str, Any]:
    return {
        "type": row.text("type"),
        "level": "location",
        "length": "128k",
        "file": row.text("file"),
        "context_order": row.values.get("context_order"),
        "question": row.text("question"),
        "answer": row.text("ground_truth"),
    }


def load(root: Path, *, variant: str = "benchmark", strict: bool = True) -> Dataset:
    """Read every question with its document.

    An example's id is `<length>_<type>_<task>:<digest of file and question>`, `-2` added to the second of two
    equal questions. Its metadata: `length`, `type` (the folder's), `file`, `row_type` (the row's own),
    `context_order` (text or None), `comp_parts` (numbers, empty where not comp), and `names_absent`: a book's
    comp question or its answer names someone who is not in the shipped book. (Upstream swapped the names in its
    books and wrote the comp questions on the originals, so this marks questions that memory answers better than
    the document does.) Only `hallu` questions have no answer in their document.

    A document's id is `<length>/<type>/<file>`. Its metadata: `kind` (the type), `title`, `length`, and for
    papers `ordinals`, the character offset at which each "paper 0", "paper 1", ... begins.

    Args:
        root: The folder that holds `datasets/`.
        variant: What the figures may be called; see `Dataset`.
        strict: Stop at the first broken row; else leave broken rows out and warn with their number.

    Raises:
        DataError: where the layout is not LaRA's, a document cannot be read, or (strict) a row is broken.
    """
    queries = _query_files(root)
    document = functools.cache(functools.partial(_document, root))  # one object for all questions about it
    examples = [
        example
        for path, group in queries
        for example in read_rows(path, functools.partial(_example, group, document), strict=strict)
    ]
    if not examples:
        raise DataError(f"{root / 'datasets/query'}: holds no questions; expected {LAYOUT}")
    documents = {example.document_id: example.document for example in examples}
    read = [path for path, _ in queries] + [root / "datasets" / name for name in documents]
    return Dataset("lara", numbered(examples), documents, digest(root, read), variant, root)


def _query_files(root: Path) -> list[tuple[Path, dict[str, str]]]:
    folder = root / "datasets" / "query"
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; expected LaRA's layout below {root}: {LAYOUT}. Give the folder of a clone of "
            "github.com/Alibaba-NLP/LaRA as --data-root (or RLC_DATA), or run `rlc fetch dataset lara`"
        )
    found = []
    for path in folder.glob("*.jsonl"):
        match = _QUERIES.fullmatch(path.name)
        if match is None:
            raise DataError(
                f"{path}: expected a name such as 32k_book_location.jsonl (<length>_<type>_<task>.jsonl, the task "
                f"one of {', '.join(TASKS)}); rename it or take it out of the folder"
            )
        found.append((path, match.groupdict()))
    return sorted(found, key=lambda item: (int(item[1]["length"][:-1]), item[0].name))


def _example(group: Mapping[str, str], document: Callable[[str], Document], row: JsonRow) -> Example:
    file, question, answer = row.text("file"), row.text("question"), row.text("answer")
    length, kind, task = group["length"], group["type"], group["task"]
    try:
        source = document(f"{length}/{kind}/{file}")
    except FileNotFoundError as error:
        raise row.fault(f"the question is about {file!r}, but there is no {error.filename}") from error
    is_book_comp = kind == "book" and task == "comp"
    metadata = {
        "length": length,
        "type": kind,
        "file": file,
        "row_type": row.text("type"),
        **_place(row, task),
        "names_absent": is_book_comp and _names_absent(f"{question}\n{answer}", source.page_content),
    }
    return Example(
        id=f"{length}_{kind}_{task}:{short_digest(file, question)}",
        question=question,
        document=source,
        answers=(answer,),
        task=task,
        answerable=task != "hallu",
        metadata=metadata,
    )


def _document(root: Path, document_id: str) -> Document:
    length, kind, file = document_id.split("/", 2)
    if Path(file).name != file:
        raise DataError(
            f"{document_id}: expected a file's bare name, got {file!r}; correct it in the question's file"
        )
    text = read_text(root / "datasets" / length / kind / file)
    metadata: dict[str, Any] = {"kind": kind, "title": Path(file).stem, "length": length}
    if kind == "paper":
        metadata["ordinals"] = tuple(match.start() for match in _PAPER.finditer(text))
    return Document(id=document_id, page_content=text, metadata=metadata)


def _place(row: JsonRow, task: str) -> dict[str, Any]:
    """Where in the document upstream took the question from."""
    order, parts = row.values.get("context_order"), row.values.get("comp_parts")
    if task == "comp":
        if not isinstance(parts, list) or not all(isinstance(part, int) for part in parts):
            raise row.fault(f"expected a list of numbers under 'comp_parts', got {parts!r}")
        return {"context_order": None, "comp_parts": tuple(parts)}
    if not isinstance(order, int | str):
        raise row.fault(f"expected a number or 'full' under 'context_order', got {order!r}")
    return {"context_order": str(order), "comp_parts": ()}


def _names_absent(text: str, book: str) -> bool:
    return any(re.search(rf"\b{name}\b", book) is None for name in _NAME.findall(text))


def recorded_models(root: Path) -> list[str]:
    """The models whose answers are recorded, sorted by name.

    Raises:
        DataError: where there are none.
    """
    folder = _predictions(root)
    known = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not known:
        raise DataError(
            f"{folder}: no recorded predictions; expected {folder.name}/<model>/rag_preds_*.jsonl as in a clone of "
            "github.com/Alibaba-NLP/LaRA"
        )
    return known


def _predictions(root: Path) -> Path:
    return root / "evaluation" / "prediction"


def load_predictions(
    root: Path, models: Sequence[str] | None = None, *, strict: bool = True
) -> "pl.DataFrame":
    """Read the recorded answers of other models, one row each.

    Columns: `model` (the folder's name), `arm` (`rag` or `long`), `length`, `type`, `task`, `file`, `question`,
    `answer` (the gold one), `prediction` (null where there is none), `failure` (null, `failed` where the call
    failed, `empty` where the model said nothing), `example_id` (null where no example has that file and question;
    a warning gives their number).

    Args:
        root: The folder that holds `datasets/` and `evaluation/`.
        models: Names of model folders; None reads all.
        strict: As in `load`.

    Raises:
        DataError: where there are no predictions, or as in `load`.
        UsageError: where `models` names an unknown one.
    """
    import polars as pl

    folder = _predictions(root)
    known = recorded_models(root)
    wanted = known if models is None else list(dict.fromkeys(models))
    for model in wanted:
        if model not in known:
            raise UsageError(unknown("model with recorded predictions", model, known))
    written = [path.stat() for path, _ in _query_files(root)]
    ids = _ids(root, strict, tuple((one.st_mtime_ns, one.st_size) for one in written))
    rows = [row for model in wanted for row in _recorded(folder / model, ids, strict)]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(_Recorded._fields, pl.String), orient="row")
    unmatched = frame["example_id"].null_count()
    if unmatched:
        warnings.warn(
            f"{unmatched} of {frame.height} recorded predictions match no question in {root}", stacklevel=2
        )
    return frame


@functools.lru_cache(maxsize=1)  # each model is asked for by itself
def _ids(root: Path, strict: bool, written: object) -> Mapping[_Key, Sequence[str]]:  # noqa: ARG001 - when, and how much
    """The examples' ids by what a recorded answer tells of its question."""
    ids: dict[_Key, list[str]] = defaultdict(list)
    for example in load(root, strict=strict).examples:
        group = (example.metadata["length"], example.metadata["type"], example.task)
        ids[(*group, example.metadata["file"], example.question)].append(example.id)
    return dict(ids)


def recorded_arms(root: Path, model: str) -> set[str]:
    """The arms of which files of a model's answers lie below a folder."""
    names = (_PREDICTIONS.fullmatch(path.name) for path in (_predictions(root) / model).glob("*.jsonl"))
    return {_ARMS[name["arm"]] for name in names if name}


def recordings(root: Path, model: str) -> Recordings:
    """What one model answered, by arm and by the example's id; an empty answer is a failure.

    Raises:
        DataError, UsageError: as `load_predictions` does.
    """
    frame = load_predictions(root, [model]).drop_nulls("example_id")
    found: dict[str, dict[str, Recording]] = {"rag": {}, "long": {}}
    for arm, name, *said in frame.select("arm", "example_id", "prediction", "failure").iter_rows():
        found[arm][name] = Recording(*said)
    return found


class _Recorded(NamedTuple):
    model: str
    arm: str
    length: str
    type: str
    task: str
    file: str
    question: str
    answer: str
    prediction: str | None
    failure: str | None
    example_id: str | None = None


def _recorded(folder: Path, ids: Mapping[_Key, Sequence[str]], strict: bool) -> list[_Recorded]:
    """The rows of one model."""
    rows = []
    for path in sorted(folder.glob("*.jsonl")):
        match = _PREDICTIONS.fullmatch(path.name)
        if match is None:
            raise DataError(
                f"{path}: expected a name such as rag_preds_{folder.name}_32k_book_location.jsonl"
            )
        asked: Counter[_Key] = Counter()
        for row in read_rows(path, functools.partial(_answered, folder.name, match), strict=strict):
            key = (row.length, row.type, row.task, row.file, row.question)
            same = ids.get(key, ())  # one question stands twice: its first answer is the first one's
            rows.append(row._replace(example_id=same[asked[key]]) if asked[key] < len(same) else row)
            asked[key] += 1
    return rows


def _answered(model: str, name: re.Match[str], row: JsonRow) -> _Recorded:
    prediction, failure = row.values.get("prediction", ...), None
    if prediction is None or prediction is False:
        prediction, failure = None, "failed"
    elif not isinstance(prediction, str):
        came = "nothing" if prediction is ... else repr(prediction)
        raise row.fault(f"expected text, false or null under 'prediction', got {came}")
    elif not prediction.strip():
        prediction, failure = None, "empty"
    return _Recorded(
        model=model,
        arm=_ARMS[name["arm"]],
        length=name["length"],
        type=name["type"],
        task=name["task"],
        file=row.text("file"),
        question=row.text("question"),
        answer=row.text("ground_truth"),
        prediction=prediction,
        failure=failure,
    )
