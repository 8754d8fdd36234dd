"""LongBench v2 (Bai et al., 2024, arXiv:2412.15204; THUDM/LongBench@2e00731): 503 questions with four choices.

Rows of `data.json` hold `_id`, `domain`, `sub_domain`, `difficulty`, `length`, `question`, `choice_A` to `choice_D`, `answer` and `context`.
The choices belong to the wording, not to what is searched for.
"""

from typing import Any

from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import Documents, dataset, find, read_table

DOMAINS = (
    "Single-Document QA", "Multi-Document QA", "Long In-context Learning", "Long-dialogue History Understanding",
    "Code Repository Understanding", "Long Structured Data Understanding",
)  # fmt: skip
BEFORE = "Please read the following text and answer the question below.\n\n<text>\n{text}\n</text>\n\n"
AFTER = (
    "What is the correct answer to this question: {question}\nChoices:\n(A) %s\n(B) %s\n(C) %s\n(D) %s\n\nFormat your response "
    'as follows: "The correct answer is (insert answer here)".'
)

CARD = Card(
    name="longbench2",
    title="LongBench v2",
    paper="arXiv:2412.15204",
    source=Hub("THUDM/LongBench-v2", files=("data.json",)),
    licence="code MIT; data: see the hub",
    parts={domain: Part("longbench2:choice") for domain in DOMAINS},
    upstream="THUDM/LongBench@2e00731",
    overall="mean-of-questions",
    unit="words",
    lengths="8k to 2M",
    questions=503,
    documents=503,
    bibtex="""@article{bai2024longbench2,
  title={LongBench v2: Towards Deeper Understanding and Reasoning on Realistic Long-context Multitasks},
  author={Bai, Yushi and Tu, Shangqing and Zhang, Jiajie and Peng, Hao and Wang, Xiaozhi and Lv, Xin and Cao, Shulin and Xu,
    Jiazheng and Hou, Lei and Dong, Yuxiao and Tang, Jie and Li, Juanzi},
  journal={arXiv preprint arXiv:2412.15204},
  year={2024}
}""",
    note='Only the words "The correct answer is (X)" count; chance is 25%.',
)


def load(root: str = "") -> Dataset:
    """Read all questions; the parts are their domains.

    Raises:
        DataError: where the file is not here, or a row is broken.
    """
    folder, variant = files_of(CARD, root)
    file = find(folder, "data.json")
    documents = Documents("text")
    examples = read_table(file, lambda row: _example(row, documents))
    measures = {example.task: "longbench2:choice" for example in examples}
    return dataset(CARD, examples, [file], folder, variant, measures)


def _example(row: JsonRow, documents: Documents) -> Example:
    choices = [row.text(f"choice_{letter}").replace("{question}", "{ question }") for letter in "ABCD"]
    answer = row.text("answer").strip()
    if answer not in "ABCD" or len(answer) != 1:
        raise row.fault(f"expected one of A, B, C, D under 'answer', got {answer!r}")
    fields: dict[str, Any] = {key: row.values.get(key) for key in ("length", "difficulty", "sub_domain")}
    after = AFTER.replace("%s", "{}").format(*choices, question="{question}")
    return Example(
        id=row.text("_id"),
        question=row.text("question"),
        document=documents(row.text("context")),
        answers=(answer,),
        task=row.text("domain"),
        answerable=True,
        metadata=fields,
        wording=Wording(BEFORE, after, 128),
    )
