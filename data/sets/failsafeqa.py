"""FailSafeQA (Kamble et al., 2025, arXiv:2502.06329): questions on annual reports, asked badly, or of the wrong text.

Rows hold `query`, `answer`, `context`, `ocr_context`, `incomplete_query`, `error_query`, `out-of-domain_query` and perhaps `citations`. A part is one of the ways in
which the question or the text fails. The wording is our own.
"""

from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.loading import Documents, load_part, located, texts

WORDING = Wording(
    "Answer the question from the document. Where the document does not hold the answer, say so and say what is missing.\n\n{text}\n\n",
    "Question: {question}\nAnswer:",
    512,
)
# Which question is asked of which text; of `missing_context` and `irrelevant_context` the text does not answer.
VARIANTS = {
    "baseline": ("query", "context"),
    "incomplete_query": ("incomplete_query", "context"),
    "misspelled_query": ("error_query", "context"),
    "out_of_domain_query": ("out-of-domain_query", "context"),
    "ocr_context": ("query", "ocr_context"),
    "missing_context": ("query", ""),
    "irrelevant_context": ("query", "another"),
}
MISSING = "The document could not be loaded."

CARD = Card(
    name="failsafeqa",
    title="FailSafeQA",
    paper="arXiv:2502.06329",
    source=Hub("Writer/FailSafeQA", files=("*.jsonl", "*.json", "*.parquet")),
    licence="not verified",
    parts={
        name: Part("", WORDING, "one" if name in ("missing_context", "irrelevant_context") else "both")
        for name in VARIANTS
    },
    lengths="4k to 30k",
    judge="Qwen2.5-72B",
    bibtex="""@article{kamble2025failsafeqa,
  title={Expect the Unexpected: FailSafe Long Context QA for Finance},
  author={Kamble, Kiran and Russak, Melisa and Mozolevskyi, Dmytro and Ali, Muayad and Russak, Mateusz and AlShikh, Waseem},
  journal={arXiv preprint arXiv:2502.06329},
  year={2025}
}""",
    note="The authors' judge marks relevance and groundedness from 1 to 6; here the rule judge says right or wrong. Where the text is missing or "
    "another's, saying so is right.",
)


def load(part: str, root: str = "") -> Dataset:
    """Read the rows in one of the ways.

    Raises:
        DataError: where the file is not here, or a row is broken.
    """
    asked, told = VARIANTS[part]
    documents = Documents("failsafeqa", "annual report")
    before: list[str] = []

    def make(row: JsonRow) -> Example:
        text = row.text(told if told in ("context", "ocr_context") else "context")
        others = before[-1:] or [MISSING]
        before.append(text)
        document = documents({"": MISSING, "another": others[0]}.get(told, text))
        answers = texts(row.values.get("answer"))
        if not answers:
            raise row.fault("expected an answer under 'answer'")
        answered = told in ("context", "ocr_context")
        citations = row.values.get("citations")
        cited = texts(citations) if answered and isinstance(citations, list) else ()
        return Example(
            f"{part}:{row.values.get('idx', row.line)}",
            row.text(asked),
            document,
            answers if answered else (),
            part,
            answered,
            gold=located(document, cited),
            wording=WORDING,
        )

    return load_part(
        CARD,
        part,
        root,
        ("failsafeqa.jsonl", "failsafeqa.json", "test.parquet", "FailSafeQA_benchmark_data.jsonl"),
        make,
    )
