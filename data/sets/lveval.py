"""LV-Eval (Yuan et al., 2024, arXiv:2402.05136; infinigence/LVEval@63e7ae9): the same questions at five lengths, with confusing facts.

Rows hold LongBench's fields, `answer_keywords` and `confusing_facts`, in `<task>_<length>.jsonl`. Wording is the authors' (config.py
at 25aebcb, MIT). The keywords gate the score; the authors' scorer calls them `gold_ans`.
"""

from typing import Any

from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.loading import Documents, load_part, marked, texts

LENGTHS = ("16k", "32k", "64k", "128k", "256k")
_ONLY = "Only give me the answer and do not output any other explanation and evidence."
_EN = "Please answer the following question based on the {where} passages. Questions and answers are only relevant to one passage. "
_ZH = "问题和答案只与其中一篇文章有关。"


def _english(before: str, after: str, max_tokens: int = 64) -> Wording:
    return Wording(
        f"{before}\n\nArticle: {{text}}\n\n", f"{after}\n\nQuestion: {{question}}\nAnswer:", max_tokens
    )


def _chinese(before: str, after: str, max_tokens: int = 64) -> Wording:
    return Wording(f"{before}\n\n文章：{{text}}\n\n", f"{after}\n\n问题：{{question}}\n回答：", max_tokens)


_MIXED = "Questions and answers are only relevant to some passages. " + _ONLY
HOTPOT = _english(
    f"Answer the question based on the given passages. {_MIXED}",
    f"Please answer the following question based on the above passages. {_MIXED}",
)
ONE = _english(_EN.format(where="given") + _ONLY, _EN.format(where="above") + _ONLY)
FACT = _english(
    "Please answer the following questions based on the given article.",
    "Please answer the following questions based on the above article.",
    16,
)
FIELD_ZH = _chinese(
    f"请阅读以下文章并用中文回答问题，{_ZH}只需要直接给出问题的答案，不要输出其他任何解释和证据。",
    f"请基于上面的文章回答下面的问题，{_ZH}只需要直接给出问题的答案，不要输出其他任何解释和证据。",
)
FACT_ZH = _chinese("请基于给定的文章回答下述问题。", "现在请基于上述文章回答下面的问题。", 16)
GIVEN_ZH = f"请根据下面给定的文章回答问题，{_ZH}"
NOW_ZH = _chinese(GIVEN_ZH, f"现在请基于上述文章回答下面的问题，{_ZH}")
LIC = _chinese(GIVEN_ZH, f"请现在基于上述文章回答下面的问题，{_ZH}")

CARD = Card(
    name="lveval",
    title="LV-Eval",
    paper="arXiv:2402.05136",
    source=Hub("Infinigence/LVEval", files=("*.zip",)),
    licence="MIT; cmrc and lic CC-BY-SA-4.0",
    parts={
        "hotpotwikiqa_mixup": Part("lveval:f1-keywords", HOTPOT),
        "loogle_SD_mixup": Part("lveval:f1-keywords", ONE),
        "loogle_CR_mixup": Part("lveval:f1-keywords", ONE),
        "loogle_MIR_mixup": Part("lveval:f1-keywords", ONE),
        "multifieldqa_en_mixup": Part("lveval:f1-keywords", ONE),
        "multifieldqa_zh_mixup": Part("lveval:f1-keywords-zh", FIELD_ZH),
        "factrecall_en": Part("longbench:qa-f1", FACT),
        "factrecall_zh": Part("longbench:qa-f1-zh", FACT_ZH),
        "cmrc_mixup": Part("lveval:f1-keywords-zh", NOW_ZH),
        "lic_mixup": Part("lveval:f1-keywords-zh", LIC),
        "dureader_mixup": Part("lveval:rouge-l-zh-blacklist", NOW_ZH),
    },
    upstream="infinigence/LVEval@63e7ae9",
    language=("en", "zh"),
    unit="words (characters in Chinese)",
    lengths="16k, 32k, 64k, 128k, 256k",
    bibtex="""@article{yuan2024lveval,
  title={LV-Eval: A Balanced Long-Context Benchmark with 5 Length Levels Up to 256K},
  author={Yuan, Tao and Ning, Xuefei and Zhou, Dong and Yang, Zhijie and Li, Shiyao and Zhuang, Minghui and Tan, Zheyue and
    Yao, Zhuyu and Lin, Dahua and Li, Boxun and Dai, Guohao and Yan, Shengen and Wang, Yu},
  journal={arXiv preprint arXiv:2402.05136},
  year={2024}
}""",
    note="length=16k chooses the length. Confusing facts are there to lead retrieval astray. Chinese needs jieba (extra `sets`).",
)


def load(part: str, length: str = "16k", root: str = "") -> Dataset:
    """Read the rows of a task at a length.

    Raises:
        DataError: where the file is not here, or a row is broken.
    """
    documents = Documents(f"lveval/{part}")

    def make(row: JsonRow) -> Example:
        answers = texts(row.values.get("answers"))
        if not answers:
            raise row.fault("expected answers under 'answers'")
        keywords = row.values.get("answer_keywords", row.values.get("gold_ans"))
        told: dict[str, Any] = {
            "length": length,
            "gold_ans": keywords,
            "language": row.values.get("language"),
        }
        text = row.text("context")
        return Example(
            f"{part}/{length}:{row.line}",
            row.text("input"),
            documents(text, passages=marked(text, r"(?:### )?Passage \d+|(?:### )?文章\s*\d+")),
            answers[:1],  # the authors' scorer stops at the first
            part,
            True,
            told,
            wording=CARD.parts[part].wording,
        )

    return load_part(CARD, part, root, (f"{part}_{length}.jsonl",), make)
