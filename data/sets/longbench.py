"""LongBench (Bai et al., ACL 2024, arXiv:2308.14508; THUDM/LongBench@2e00731): 21 tasks in two languages.

Rows hold `input`, `context`, `answers`, `length`, `dataset`, `language`, `all_classes`, `_id`, in `data/<task>.jsonl` of `data.zip`; a
copy on the hub calls `input` `question`. Wording and lengths of answers are the authors' (`longbench.toml`). Where a task has no
question of its own, what it asks for is searched instead. Passages are marked where the text numbers them.
"""

import functools
import tomllib
from pathlib import Path
from typing import Any

from rlc.data.formats.files import JsonRow, read_rows
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import Documents, dataset, find, marked, texts

_MARKS = r"Passage \d+:|Paragraph \d+:|段落\d+[：:]|文章\d+"


def _parts() -> dict[str, Part]:
    tables: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    parts = {}
    for task, table in tables.items():
        before, _, after = table["prompt"].partition("{text}")
        parts[task] = Part(
            table["scorer"], Wording(before + "{text}", after, table["max_tokens"]), table["sense"]
        )
    return parts


CARD = Card(
    name="longbench",
    title="LongBench",
    paper="arXiv:2308.14508",
    source=Hub("THUDM/LongBench", files=("data.zip",)),
    licence="MIT",
    parts=_parts(),
    upstream="THUDM/LongBench@2e00731",
    language=("en", "zh"),
    unit="words (characters in Chinese)",
    lengths="1,235 to 22,337 by task",
    questions=4750,
    bibtex="""@inproceedings{bai2024longbench,
  title={LongBench: A Bilingual, Multitask Benchmark for Long Context Understanding},
  author={Bai, Yushi and Lv, Xin and Zhang, Jiajie and Lyu, Hongchang and Tang, Jiankai and Huang, Zhidian and Du, Zhengxiao and
    Liu, Xiao and Zeng, Aohan and Hou, Lei and Dong, Yuxiao and Tang, Jie and Li, Juanzi},
  booktitle={ACL},
  year={2024}
}""",
    note="Chinese tasks need jieba, ROUGE-L needs rouge: the extra `sets`. Code similarity is difflib's, as without "
    "python-Levenshtein.",
)
# What a task asks for that has no question of its own.
ASKED = {
    "gov_report": "Write a one-page summary of the report.",
    "multi_news": "Write a one-page summary of all the news.",
    "vcsum": "写一段总结，总结会议的内容。",
    "passage_count": "How many unique paragraphs are there after removing duplicates?",
    "lcc": "What is the next line of code?",
}


def load(part: str, root: str = "") -> Dataset:
    """Read the rows of a task.

    Raises:
        DataError: where the files are not here, or a row is broken.
    """
    folder, variant = files_of(CARD, root)
    file = find(folder, f"{part}.jsonl")
    kind = "code" if part in ("lcc", "repobench-p") else "document"
    examples = read_rows(file, functools.partial(_example, part, Documents(part, kind)))
    return dataset(CARD, examples, [file], folder, variant, CARD.measures(part))


def _example(part: str, documents: Documents, row: JsonRow) -> Example:
    text = row.text("context")
    asked = str(row.values.get("input") or row.values.get("question") or "").strip() or ASKED.get(part, "")
    answers = texts(row.values.get("answers"))
    if not asked or not answers:
        raise row.fault("expected a question under 'input' and answers under 'answers'")
    document = documents(text, passages=marked(text, _MARKS))
    return Example(
        id=f"{part}:{row.values.get('_id') or row.line}",
        question=asked,
        document=document,
        answers=answers,
        task=part,
        answerable=None,
        metadata={
            "length": row.values.get("length"),
            "language": row.values.get("language"),
            "all_classes": tuple(row.values.get("all_classes") or ()),
        },
        wording=CARD.parts[part].wording,
    )
