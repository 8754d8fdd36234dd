"""SCBench (Li et al., ICLR 2025, arXiv:2412.10319; microsoft/MInference@9987de6, scbench/): several turns on one shared context.

Rows hold `context` (or `input`) and `multi_turns` of `input`, `answer` and perhaps `options`, in `<task>.jsonl`. As in the authors' mode of single requests,
every turn is asked of the same text on its own; wording is theirs (eval_utils.py, MIT). Tasks of code and of two kinds in one are left out.
"""

import json
from typing import Any, NamedTuple

from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part, Sense
from rlc.data.sets.loading import Documents, load_part, texts


class Task(NamedTuple):
    """How a task is scored and asked, and what retrieval means on it."""

    scorer: str
    before: str
    after: str
    max_tokens: int
    sense: Sense = "both"


_KEY = "Extract the value corresponding to the specified key in the JSON object below.\n\n{text}\n\n"
_OPTIONS = "Question: {question}\nA. {A}\nB. {B}\nC. {C}\nD. {D}\n\nThe the correct answer is"
TASKS = {
    "scbench_kv": Task("scbench:holds", _KEY, "{question}", 150),
    "scbench_prefix_suffix": Task("scbench:holds", "{text}\n\n", "{question}", 150),
    "scbench_vt": Task("ruler:match-all", "{text}\n\n", "{question}", 30, "whole"),
    "scbench_qa_eng": Task(
        "scbench:holds-any",
        "Read the book and answer the question. Be very concise in your answer.\n\n{text}\n\n",
        "Question: {question}\nAnswer:",
        40,
    ),
    "scbench_qa_chn": Task(
        "infinitebench:f1-zh", "阅读以下书籍然后回答问题。\n\n{text}\n\n", "问题：{question}\n答案：", 40
    ),
    "scbench_choice_eng": Task(
        "infinitebench:choice", "Read the book and answer the question.\n\n{text}\n\n", _OPTIONS, 40
    ),
    "scbench_mf": Task("infinitebench:first-number", "{text}\n\n", "{question}", 5, "whole"),
    "scbench_many_shot": Task("scbench:holds-any", "{text}\n\n", "{question}", 10, "whole"),
    "scbench_summary": Task("infinitebench:rouge-lsum", "{text}\n\n", "{question}", 200, "whole"),
}

CARD = Card(
    name="scbench",
    title="SCBench",
    paper="arXiv:2412.10319",
    source=Hub("microsoft/SCBench", files=("*.jsonl", "*.parquet")),
    licence="MIT",
    parts={
        name: Part(task.scorer, Wording(task.before, task.after, task.max_tokens), task.sense)
        for name, task in TASKS.items()
    },
    upstream="microsoft/MInference@9987de6",
    language=("en", "zh"),
    bibtex="""@inproceedings{li2025scbench,
  title={SCBench: A KV Cache-Centric Analysis of Long-Context Methods},
  author={Li, Yucheng and Jiang, Huiqiang and Wu, Qianhui and Luo, Xufang and Ahn, Surin and Zhang, Chengruidong and
    Abdi, Amir H. and Li, Dongsheng and Gao, Jianfeng and Yang, Yuqing and Qiu, Lili},
  booktitle={ICLR},
  year={2025}
}""",
    note="Turns share their context, which an engine reads once. Each is asked on its own, as in the authors' mode of single requests.",
)


def load(part: str, root: str = "") -> Dataset:
    """Read the contexts of a task, each with its turns.

    Raises:
        DataError: where the file is not here, or a row is broken.
    """
    documents = Documents(f"scbench/{part}", "text")
    return load_part(
        CARD, part, root, (f"{part}.jsonl", f"{part}.parquet"), lambda row: _turns(part, documents, row)
    )


def _turns(part: str, documents: Documents, row: JsonRow) -> list[Example]:
    turns = row.values.get("multi_turns")
    if not isinstance(turns, list) or not all(isinstance(turn, dict) and turn.get("input") for turn in turns):
        raise row.fault("expected turns with an input under 'multi_turns'")
    document = documents(row.text("context" if "context" in row.values else "input"))
    return [
        Example(
            f"{part}:{row.values.get('id', row.line)}-{i}",
            str(turn["input"]),
            document,
            _answers(turn),
            part,
            True,
            {"turn": str(i)},
            wording=_wording(part, turn),
        )
        for i, turn in enumerate(turns, start=1)
    ]


def _wording(part: str, turn: dict[str, Any]) -> Wording:
    task = TASKS[part]
    after = task.after
    for letter, option in zip("ABCD", turn.get("options") or (), strict=False):
        after = after.replace(f"{{{letter}}}", str(option).replace("{question}", "{ question }"))
    return Wording(task.before, after, task.max_tokens)


def _answers(turn: dict[str, Any]) -> tuple[str, ...]:
    """The gold answers of a turn; of a choice its words and its letter."""
    found = texts(turn.get("answer"))
    options = [str(one) for one in turn.get("options") or ()]
    if len(found) == 1 and found[0] in options:
        return (*found, "ABCD"[options.index(found[0])])
    return found or ((json.dumps(turn["answer"]),) if turn.get("answer") else ())
