"""L-CiteEval (Tang et al., 2024, arXiv:2410.02115; ZetangForward/L-CITEEVAL@6e49326): answers that cite their passages.

Rows hold `id`, `question`, `answer`, `docs`, `length` and perhaps `hardness`, in `<task>.json`. The files state no licence, so the wording is our
own; it asks for citations in the form that the authors' scorer reads.
"""

from rlc.data.errors import DataError
from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Evidence, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.loading import Documents, joined, load_part, texts

BEFORE = "Below are numbered passages, and a task after them.\n\n{text}\n\n"
CITE = "Cite the passages that you rely on by their numbers in square brackets, such as [2] or [1][4], three at most in a sentence."
QA = Wording(
    BEFORE, f"Answer the question in few words, in one line. {CITE}\n\nQuestion: {{question}}\nAnswer:", 200
)
SUMMARY = Wording(BEFORE, f"{{question}} Write one paragraph. {CITE}\nSummary:", 800)
STARS = Wording(
    BEFORE,
    '{question} Reply in JSON with the counts in their order and the numbers of the passages: {"little_penguin": [3, 8], '
    '"passage_id": [2, 5]}\n',
    128,
)
ASKED = {
    "gov_report": "Summarize the report.",
    "multi_news": "Summarize the news.",
    "counting_stars": "How many stars did the little penguin count each time?",
}
QUESTIONS = ("narrativeqa", "natural_questions", "hotpotqa", "2wikimultihopqa", "dialsim", "locomo")

CARD = Card(
    name="lciteeval",
    title="L-CiteEval",
    paper="arXiv:2410.02115",
    source=Hub("Jonaszky123/L-CiteEval", files=("*.json", "*.parquet")),
    licence="not stated",
    parts={
        **{task: Part("lciteeval:qa-f1", QA) for task in QUESTIONS},
        **{
            task: Part("lciteeval:rouge-l", SUMMARY, "whole")
            for task in ("qmsum", "gov_report", "multi_news")
        },
        "niah": Part("lciteeval:needle-citation", QA),
        "counting_stars": Part("lciteeval:stars", STARS, "whole"),
    },
    upstream="ZetangForward/L-CITEEVAL@6e49326",
    lengths="8k to 48k",
    bibtex="""@article{tang2024lciteeval,
  title={L-CiteEval: Do Long-Context Models Truly Leverage Context for Responding?},
  author={Tang, Zecheng and Zhou, Keyan and Li, Juntao and Ji, Baibei and Hou, Jianye and Zhang, Min},
  journal={arXiv preprint arXiv:2410.02115},
  year={2024}
}""",
    note="The authors' citation scores of free answers ask an entailment model; here cites_gold and gold_cited go by gold answers in the "
    "cited passages. chunker=passages cuts at the numbered passages.",
)


def load(part: str, root: str = "") -> Dataset:
    """Read the rows of a task.

    Raises:
        DataError: where the file is not here, or a row is broken.
    """
    documents = Documents(f"lciteeval/{part}")
    return load_part(
        CARD,
        part,
        root,
        (f"{part}.json", f"{part}.jsonl", f"{part}.parquet"),
        lambda row: _make(part, documents, row),
    )


def _make(part: str, documents: Documents, row: JsonRow) -> Example:
    docs, answers = row.values.get("docs"), texts(row.values.get("answer"))
    if not isinstance(docs, list) or not docs or not answers:
        raise row.fault("expected passages under 'docs' and an answer under 'answer'")
    told = [_told(row, one) for one in docs]
    text, spans = joined([f"[{i}] {one}" for i, one in enumerate(told, start=1)])
    document = documents(text, passages=spans)
    needle = [span for one, span in zip(told, spans, strict=True) if part == "niah" and answers[0] in one]
    return Example(
        f"{part}:{row.values.get('id') or row.line}",
        str(row.values.get("question") or ASKED.get(part, "")) or row.text("question"),
        document,
        answers,
        part,
        True,
        {"length": row.values.get("length"), "hardness": row.values.get("hardness")},
        tuple(Evidence(str(document.id), *span) for span in needle[:1]),
        CARD.parts[part].wording,
    )


def _told(row: JsonRow, passage: object) -> str:
    if isinstance(passage, dict) and "text" in passage:
        return f"{passage['title']}\n{passage['text']}" if passage.get("title") else str(passage["text"])
    if isinstance(passage, str):
        return passage
    raise DataError(
        f"{row.path}: row {row.line}: a passage is neither text nor title and text: {type(passage).__name__}"
    )
