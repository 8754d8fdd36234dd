"""M4LE (Kwan et al., ACL 2024, arXiv:2310.19240; KwanWaiChung/M4LE@0dd47ff): many tasks in nine buckets of length.

Rows hold `instruction`, `input`, `answers`, `total_length`, `length_bucket`, in `<task>.jsonl`. The input holds a worked example and ends with the question, so that text and
question are parted at its last line break. Tasks whose score is BLEU over the whole task are left out.
"""

from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part, Sense
from rlc.data.sets.loading import Documents, load_part, texts

EN, ZH = ("\n", "."), ("\n", "。")
LINE = ("\n",)
Task = tuple[str, tuple[str, ...], str, Sense]  # scorer, ends of an answer, language, sense
TASKS: dict[str, Task] = {
    **dict.fromkeys(("triviaqa", "newsqa", "duorc", "nq-open"), ("m4le:holds", EN, "en", "both")),
    **dict.fromkeys(("c3", "dureader"), ("m4le:holds", ZH, "zh", "both")),
    "drcd_semantic-single_qa": ("m4le:holds", ("\n", "。"), "zh", "both"),
    "drcd_explicit-single_ret": ("m4le:holds", ("，", "\n"), "zh", "both"),
    "wow": ("m4le:holds", (",", "\n"), "en", "both"),
    "wikitext-103": ("m4le:exact", (".",), "en", "whole"),
    "wiki2019zh": ("m4le:exact", ("。",), "zh", "whole"),
    "mnds-news_explicit-single_cls+ret": ("m4le:exact", (), "en", "both"),
    "thucnews_explicit-single_cls+ret": ("m4le:exact", (), "zh", "both"),
    "mnds-news_explicit-multiple_cls+ret": ("m4le:labels", (), "en", "whole"),
    "thucnews_explicit-multiple_cls+ret": ("m4le:labels", (), "zh", "whole"),
    "marc": ("m4le:labels", (), "en", "whole"),
    "online-shopping": ("m4le:labels", (), "zh", "whole"),
    **dict.fromkeys(
        ("arxiv", "pubmed", "booksum", "cnnnews", "wikihow"), ("m4le:rouge-recall", LINE, "en", "whole")
    ),
    **dict.fromkeys(("cepsum", "lcsts", "ncls"), ("m4le:rouge-recall", LINE, "zh", "whole")),
    **dict.fromkeys(("cnewsum", "clts+"), ("m4le:rouge-recall", ("\n", "新闻"), "zh", "whole")),
    "bigpatent_global_cls": ("m4le:holds", (":",), "en", "whole"),
    "bigpatent_global_sum": ("m4le:rouge-recall", LINE, "en", "whole"),
}
WORDING = Wording("{text}\n", "{question}", 256)

CARD = Card(
    name="m4le",
    title="M4LE",
    paper="arXiv:2310.19240",
    source=Hub("wckwan/M4LE", files=("*.jsonl",)),
    licence="as the repository's LICENSE says; the rows' own differ",
    parts={name: Part(scorer, WORDING, sense) for name, (scorer, _, _, sense) in TASKS.items()},
    upstream="KwanWaiChung/M4LE@0dd47ff",
    language=("en", "zh"),
    unit="words",
    lengths="1k to 8k by bucket",
    bibtex="""@inproceedings{kwan2024m4le,
  title={M4LE: A Multi-Ability Multi-Range Multi-Task Multi-Domain Long-Context Evaluation Benchmark for Large Language Models},
  author={Kwan, Wai-Chung and Zeng, Xingshan and Wang, Yufei and Sun, Yusen and Li, Liangyou and Jiang, Yuxin and Shang, Lifeng and
    Liu, Qun and Wong, Kam-Fai},
  booktitle={ACL},
  year={2024}
}""",
    note="A worked example stands inside the text. ROUGE is recall. Translations (BLEU) are left out.",
)


def load(part: str, root: str = "") -> Dataset:
    """Read the rows of a task.

    Raises:
        DataError: where the file is not here, or a row is broken.
    """
    documents = Documents(f"m4le/{part}")
    _, ends, language, _ = TASKS[part]

    def make(row: JsonRow) -> Example:
        told, _, asked = row.text("input").strip().rpartition("\n")
        answers = texts(row.values.get("answers"))
        if not told.strip() or not answers:
            raise row.fault(
                "expected a text and a question below it under 'input', and answers under 'answers'"
            )
        instruction = str(row.values.get("instruction") or "").replace("{text}", "")
        metadata = {"length": row.values.get("length_bucket"), "ends": ends, "language": language}
        wording = Wording(f"{instruction}\n\n{{text}}\n", "{question}", WORDING.max_tokens)
        return Example(
            f"{part}:{row.line}", asked, documents(told), answers, part, True, metadata, wording=wording
        )

    return load_part(CARD, part, root, (f"{part}.jsonl",), make)
