"""InfiniteBench (Zhang et al., ACL 2024, arXiv:2402.13718; OpenBMB/InfiniteBench@88b3daa): twelve tasks beyond 100k tokens.

Rows hold `id`, `context`, `input`, `answer`, `options`, in `<task>.jsonl`; the answer is a text, a number, or a list of either. Wording and
lengths of answers are those that the authors gave GPT-4. Choices belong to the wording, not to what is searched for.
"""

import functools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rlc.data.errors import UsageError, unknown
from rlc.data.formats.files import JsonRow, read_rows
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part, Sense
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import Documents, dataset, find, texts
from rlc.data.sets.recordings import UNSEEN, Recording, Recordings, literal, readable_rows, unseen_example

_QUIZ = "I will quiz you about the important information"
_OPTIONS = "A. {A}\nB. {B}\nC. {C}\nD. {D}"


class Task(NamedTuple):
    """How a task is scored, how long its answers may be, what retrieval means on it, and the prompt."""

    scorer: str
    max_tokens: int
    sense: Sense
    prompt: str


TASKS = {
    "passkey": Task(
        "first-integer",
        6,
        "both",
        f"There is an important info hidden inside a lot of irrelevant text. Find it and memorize it. {_QUIZ}.\n\n{{text}}\n\n"
        "{question}",
    ),
    "number_string": Task(
        "first-integer",
        12,
        "both",
        f"There is an important info hidden inside a lot of irrelevant text. Find it. {_QUIZ} there.\n\n{{text}}\n\n{{question}}",
    ),
    "kv_retrieval": Task(
        "word",
        50,
        "both",
        "Extract the value corresponding to the specified key in the JSON object below.\n\n{text}\n\n{question}",
    ),
    "longbook_sum_eng": Task("rouge-lsum", 1200, "whole", "Summarize the following book.\n\n{text}\n"),
    "longbook_qa_eng": Task(
        "f1",
        40,
        "both",
        "Read the book below and answer a question.\n\n{text}\n\nQuestion: {question}\n\nBe very concise.",
    ),
    "longbook_choice_eng": Task(
        "choice",
        40,
        "both",
        "Read the book and answer the question.\n\n{text}\n\nQuestion: {question}\n\nOnly one of the following options is "
        f"correct, tell me the answer using one single letter (A, B, C, or D). Don't say anything else.\n{_OPTIONS}",
    ),
    "longdialogue_qa_eng": Task(
        "name",
        40,
        "both",
        'Below is a dialogue script where one random occurrence of a character name is replaced with "$$MASK$$", and you '
        "should try to guess who that character is.\n\n{text}\n\nThe name that has been replaced with $$MASK$$ is likely",
    ),
    "longbook_qa_chn": Task(
        "f1-zh", 40, "both", "请根据以下书籍回答我的问题。\n\n{text}\n\n问题：{question}\n请尽量简短地回答。"
    ),
    "code_debug": Task(
        "function",
        5,
        "whole",
        "There is ONLY ONE function in the large project that is deliberately made to include an obvious error. Please find "
        "the function that contains the most obvious errors. I will give you four options to narrow your scope. You can "
        "inspect the options and think. Eventually, tell me the answer using one single letter (A, B, C, or D).\n\n{text}\n\n"
        f"Which funtion has deliberate error?\n{_OPTIONS}\n\nYou should first find the functions in the options. Repeat their "
        "content, inspect through code, and at last give me your answer for the function that has the deliberate and obvious "
        "error in A, B, C, or D.",
    ),
    "code_run": Task(
        "last-integer",
        5,
        "both",
        "Following is a set of Python functions.\n\n{text}\n\n{question} Be concise. Your response must end with the final "
        "returned value.",
    ),
    "math_calc": Task(
        "running-values",
        30000,
        "whole",
        "Compute the intermediate values in the following long expression.\n\n{text}\n",
    ),
    "math_find": Task("first-number", 3, "whole", "{text}\n\n{question}"),
}
# What a task asks for that has no question of its own.
ASKED = {
    "longbook_sum_eng": "Summarize the book.",
    "longdialogue_qa_eng": "Which character is $$MASK$$?",
    "code_debug": "Which function has a deliberate error?",
    "math_calc": "What are the intermediate values of the expression?",
}

CARD = Card(
    name="infinitebench",
    title="InfiniteBench",
    paper="arXiv:2402.13718",
    source=Hub("xinrongzhang2022/InfiniteBench", files=("*.jsonl",)),
    licence="MIT",
    parts={name: Part(f"infinitebench:{task.scorer}", sense=task.sense) for name, task in TASKS.items()},
    upstream="OpenBMB/InfiniteBench@88b3daa",
    language=("en", "zh"),
    lengths="44k to 2,069k by task",
    questions=3946,
    bibtex="""@inproceedings{zhang2024infinitebench,
  title={$\\infty$Bench: Extending Long Context Evaluation Beyond 100K Tokens},
  author={Zhang, Xinrong and Chen, Yingfa and Hu, Shengding and Xu, Zihang and Chen, Junhao and Hao, Moo Khai and Han, Xu and
    Thai, Zhen Leng and Wang, Shuo and Liu, Zhiyuan and Sun, Maosong},
  booktitle={ACL},
  year={2024}
}""",
    note="Scored by the code of 88b3daa, which gives the authors' table; later code scores Code.Debug up to 15 points higher.",
)


def load(part: str, root: str = "", recorded: str = "") -> Dataset:
    """Read the rows of a task; questions on one book share its document.

    Args:
        part: The task.
        root: Where the files lie, if not in the cache.
        recorded: A model whose recorded answers are there. The questions are those that it was asked, with the gold answers
            that counted then (they differ by model: the data was revised); texts and questions were not recorded.

    Raises:
        DataError: where the files are not here, or a row is broken.
    """
    folder, variant = files_of(CARD, root)
    if recorded:
        file = _answers_file(folder, recorded, part)
        rows = readable_rows(file, functools.partial(_recorded, part))
        examples = [unseen_example(name, part, said.answers or ()) for name, said in rows.made]
        found = dataset(CARD, examples, [file], folder, variant, CARD.measures(part))
        return replace(found, notes=(UNSEEN, *rows.notes))
    file = find(folder, f"{part}.jsonl")
    kind = {"long": "book", "code": "code"}.get(part[:4], "document")
    examples = read_rows(file, functools.partial(_example, part, Documents(f"infinitebench/{kind}", kind)))
    return dataset(CARD, examples, [file], folder, variant, CARD.measures(part))


def _example(part: str, documents: Documents, row: JsonRow) -> Example:
    options = [str(one) for one in row.values.get("options") or ()]
    answers = _answers(part, row.values.get("answer"), options)
    asked = str(row.values.get("input") or "").strip()
    if not answers or not (asked or part in ASKED):
        raise row.fault("expected an answer under 'answer', and a question under 'input'")
    return Example(
        id=f"{part}:{row.values.get('id', row.line)}",
        question=ASKED.get(part, asked),
        document=documents(row.text("context")),
        answers=answers,
        task=part,
        answerable=True,
        wording=wording(part, options),
    )


def wording(part: str, options: list[str]) -> Wording:
    """The authors' wording, with the options of a question in their places."""
    before, _, after = TASKS[part].prompt.partition("{text}")
    given = dict(zip("ABCD", options, strict=False))
    return Wording(
        before + "{text}",
        re.sub(r"\{([A-D])\}", lambda place: given.get(place[1], ""), after),
        TASKS[part].max_tokens,
    )


def _answers(part: str, answer: object, options: list[str]) -> tuple[str, ...]:
    """Gold answers as text: a list of numbers is one answer; a choice has its words and its letter."""
    if part == "math_calc":
        values = answer[0] if isinstance(answer, list) and answer and isinstance(answer[0], list) else answer
        return (json.dumps(values),)
    found = texts(answer)
    if part in ("longbook_choice_eng", "code_debug") and len(found) == 1 and found[0] in options:
        found = (*found, "ABCD"[options.index(found[0])])
    return found


def recorded_models(root: Path) -> list[str]:
    """The models whose answers lie below a folder, as `<model>/preds_<task>.jsonl` or packed."""
    return sorted({path.parent.name for path in root.rglob("preds_*.jsonl*")})


def recorded_arms(root: Path, model: str) -> set[str]:  # noqa: ARG001 - the same of all
    """Every model read the whole text."""
    return {"long"}


def recordings(root: Path, model: str) -> Recordings:
    """What a model answered to all tasks of which its answers are here; broken rows are left out."""
    if model not in (known := recorded_models(root)):
        raise UsageError(unknown("model with recorded answers", model, known))
    said: dict[str, Recording] = {}
    for part in TASKS:
        if (file := _answers_file(root, model, part)).is_file():
            said |= dict(readable_rows(file, functools.partial(_recorded, part)).made)
    return {"rag": {}, "long": said}


def _answers_file(root: Path, model: str, part: str) -> Path:
    """Where a model's answers to a task lie, or would lie."""
    names = (f"{model}/preds_{part}.jsonl", f"{model}/preds_{part}.jsonl.gz")
    return next((path for name in names for path in root.rglob(name)), root / names[0])


def _recorded(part: str, row: JsonRow) -> tuple[str, Recording]:
    prediction = row.values.get("prediction", row.values.get("pred"))
    if not isinstance(prediction, str):
        raise row.fault(f"expected text under 'prediction', got {prediction!r}")
    gold = literal(row.values.get("label", row.values.get("ground_truth")))
    return f"{part}:{row.values.get('id', row.line)}", Recording(prediction, answers=_answers(part, gold, []))
