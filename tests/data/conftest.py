import json
from pathlib import Path

import pytest

BOOK = "Hartman walked home. Clara met Hartman at the gate.\n"
PAPERS = "<paper 0>\n# First\nWe use 7 tokens.\n<paper 1>\n# Second\nWe cite <paper 0> twice.\n"


def write_rows(path: Path, rows: list[dict], *, end: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + end, encoding="utf-8")


@pytest.fixture
def small_lara(tmp_path: Path) -> Path:
    """A tree in LaRA's layout with the oddities of the real one."""
    root = tmp_path / "LaRA"
    for name, text in {"32k/book/A Tale.txt": BOOK, "128k/paper/128k_paper_1.md": PAPERS}.items():
        path = root / "datasets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    queries = root / "datasets" / "query"
    tale = {"file": "A Tale.txt", "length": "32k"}
    write_rows(
        queries / "32k_book_location.jsonl",
        [
            tale
            | {"type": "novelette_fake", "level": "location", "context": BOOK, "context_order": 0}
            | {"question": "Whom did Clara meet?", "answer": "Hartman."}
        ],
        end="",
    )
    write_rows(
        queries / "32k_book_comp.jsonl",
        [
            tale
            | {"type": "novelette", "level": "comp", "comp_parts": [0, 2]}
            | {"question": "How do Scrooge and Clara differ?", "answer": "They do not."},
            tale
            | {"type": "novelette", "level": "comp", "comp_parts": [1, 2]}
            | {
                "question": "How do Hartman and Clara differ?",
                "answer": "Greatly: Nobody walks as Hartman does.",
            },
        ],
    )
    twice = {"type": "paper", "level": "hallu", "length": "128k", "file": "128k_paper_1.md"}
    twice |= {"question": "In paper 1, what is the weather?", "answer": "Paper 1 does not say."}
    write_rows(
        queries / "128k_paper_hallu.jsonl",
        [twice | {"context_order": 1}, twice | {"context_order": "full"}],
    )
    said = {key: value for key, value in twice.items() if key not in ("answer", "length")}
    said |= {"ground_truth": twice["answer"], "context_order": "1"}
    for model, arm, answers in [
        ("gpt-4o-0806", "full", ["Sunny.", False]),
        ("gpt-4o-0806", "rag", [None, " "]),
        ("other", "rag", ["It does not say."]),
    ]:
        file = f"{arm}_preds_{'gpt-4o-mini' if model == 'gpt-4o-0806' else model}_128k_paper_hallu.jsonl"
        write_rows(
            root / "evaluation" / "prediction" / model / file, [said | {"prediction": one} for one in answers]
        )
    return root


@pytest.fixture(scope="session")
def pdf():
    """Writes a PDF by hand, a content stream or one line a page."""

    def write(*pages, trailer=""):
        count = len(pages)
        kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
        objects = [
            "<< /Type /Catalog /Pages 2 0 R >>",
            f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
        for number, text in enumerate(pages):
            stream = text if text.endswith("ET") else f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
            objects += [
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
                "/Resources << /Font << /F1 3 0 R >> >> >>",
                f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
            ]
        body, offsets = "%PDF-1.4\n", []
        for number, text in enumerate(objects, start=1):
            offsets.append(len(body))
            body += f"{number} 0 obj\n{text}\nendobj\n"
        table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
        end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{len(body)}\n%%EOF\n"
        return f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{end}".encode()

    return write
