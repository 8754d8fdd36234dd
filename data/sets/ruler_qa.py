"""Questions for RULER's `qa_1` and `qa_2`, in the layouts of SQuAD 2.0 and HotpotQA as their authors publish them."""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from rlc.data.errors import DataError
from rlc.data.plain import parse_json


class Asked(NamedTuple):
    """A question, the passages that answer it, and its answers."""

    question: str
    passages: tuple[str, ...]
    answers: tuple[str, ...]


@cache
def read_questions(file: str) -> tuple[list[Asked], list[str]]:
    """The answerable questions of a file, and all of its passages.

    Raises:
        DataError: if the file is neither SQuAD's nor HotpotQA's, or holds no answerable question.
    """
    path = Path(file).expanduser()
    try:
        data = parse_json(path.read_text(encoding="utf-8"))
        asked, passages = _hotpot(data) if isinstance(data, list) else _squad(data["data"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"{path}: expected SQuAD's dev-v2.0.json or HotpotQA's hotpot_dev_distractor_v1.json: {error!r}"
        ) from error
    if not asked:
        raise DataError(f"{path}: holds no question with an answer")
    return asked, passages


def _squad(articles: list[dict[str, Any]]) -> tuple[list[Asked], list[str]]:
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    asked = [
        Asked(
            row["question"], (paragraph["context"],), tuple(dict.fromkeys(a["text"] for a in row["answers"]))
        )
        for paragraph in paragraphs
        for row in paragraph["qas"]
        if row["answers"] and not row.get("is_impossible")
    ]
    return asked, list(dict.fromkeys(paragraph["context"] for paragraph in paragraphs))


def _hotpot(rows: list[dict[str, Any]]) -> tuple[list[Asked], list[str]]:
    asked, passages = [], {}
    for row in rows:
        texts = {title: f"{title}\n{''.join(lines)}" for title, lines in row["context"]}
        passages.update(dict.fromkeys(texts.values()))
        wanted = dict.fromkeys(title for title, _ in row["supporting_facts"])
        asked.append(
            Asked(row["question"], tuple(texts[t] for t in wanted if t in texts), (str(row["answer"]),))
        )
    return asked, list(passages)
