"""The promise of CONTRIBUTING.md: a method is one file, one line in a table, one test, and nothing else is edited.

Six methods are added to a copy of the tree, and the laws of their families run there in a process of their own. Then
each is made evil by one change, and every one of them must fail.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


class Method(NamedTuple):
    """A file, the line of a table that names it, its own test, and a change that breaks a law."""

    file: str
    code: str
    table: str
    line: str
    test: str
    evil: tuple[str, str]


def of_the_guide(file):
    """The code block of CONTRIBUTING.md that begins with the file's name."""
    [code] = re.findall(rf"^```py(?:thon)?\n# {re.escape(file)}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return code


PARAGRAPHS = Method(
    "chunkers/paragraphs.py",
    of_the_guide("chunkers/paragraphs.py"),
    "chunkers/__init__.py",
    '"paragraphs": "rlc.chunkers.paragraphs:ParagraphChunker"',
    of_the_guide("tests/chunkers/test_paragraphs.py"),
    (" + [len(text)]", ""),  # what stands behind the last blank line is lost
)
OVERLAP = Method(
    "retrievers/overlap.py",
    '''
"""Shared words."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from langchain_core.documents import Document

from rlc.retrievers.base import Retriever, Where, text_of, top_k
from rlc.retrievers.index.collection import Collection


class OverlapRetriever(Retriever):
    """Ranks documents by how many words they share with the query."""

    collection: Collection

    @classmethod
    def from_documents(cls, documents: Sequence[Document], *, k: int = 5) -> Self:
        """Index the documents."""
        return cls(collection=Collection.of(documents), k=k)

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        """The documents that share most words with each query."""
        wanted = self._wanted(k)
        kept = np.arange(len(self.collection)) if where is None else self.collection.rows(where)
        words = [set(text_of(document).lower().split()) for document in self.collection.documents]
        found = []
        for query in queries:
            scores = np.array([len(words[row] & set(query.lower().split())) for row in kept], np.float32)
            best = top_k(scores, self.collection.ties[kept], wanted)
            found.append(self.collection.take(kept[best], scores[best]))
        return found
''',
    "retrievers/__init__.py",
    '"overlap": "rlc.retrievers.overlap:OverlapRetriever"',
    """
from langchain_core.documents import Document

from rlc.retrievers import OverlapRetriever


def test_by_hand():
    texts = [Document(id=text, page_content=text) for text in ("a cat", "the cat sat", "dogs")]
    found = OverlapRetriever.from_documents(texts).invoke("The cat", k=2)
    assert [document.id for document in found] == ["the cat sat", "a cat"]
""",
    ("if where is None else self.collection.rows(where)", ""),  # the filter is ignored
)
HEADLINE = Method(
    "pipeline/readers/headline.py",
    '''
"""Reading the beginning."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Example
from rlc.pipeline.readers.support.asking import Request, ask_all


@dataclass(frozen=True)
class HeadlineReader:
    """Answer from the first characters of the document."""

    role: ClassVar[Role] = "long"

    llm: LLM
    characters: int = 200
    max_tokens: int = 64
    seed: int = 0

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        requests = [
            Request(Prompt(one.document.page_content[: self.characters] + "\\n\\n", f"Question: {one.question}\\n"))
            for one in examples
        ]
        return ask_all(self.llm, requests, self.max_tokens, self.seed)
''',
    "pipeline/readers/__init__.py",
    '"headline": "rlc.pipeline.readers.headline:HeadlineReader"',
    """
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers import HeadlineReader


def test_by_hand(make_example):
    reader = HeadlineReader(ScriptedLLM(lambda prompt: prompt.prefix.strip()), characters=3)
    assert [answer.text for answer in reader([make_example("q", text="Ann met Bob.")])] == ["Ann"]
""",
    ("self.max_tokens, self.seed)", "self.max_tokens, self.seed)[1:]"),  # an answer is missing
)
LEADING = Method(
    "retrievers/prune/leading.py",
    '''
"""Pruning to the beginning."""

from collections.abc import Sequence

from rlc.retrievers.prune.base import Asked, Kept, Pruner


class LeadingPruner(Pruner):
    """Keeps the first half of every passage."""

    def keep(self, asked: Sequence[Asked]) -> list[list[Kept]]:
        """The first half of the characters."""
        return [
            [Kept([(0, (len(document.page_content) + 1) // 2)]) for document in one.documents] for one in asked
        ]
''',
    "retrievers/prune/__init__.py",
    '"leading": "rlc.retrievers.prune.leading:LeadingPruner"',
    """
from langchain_core.documents import Document

from rlc.retrievers.prune import LeadingPruner


def test_by_hand():
    [document] = LeadingPruner().refine([Document(page_content="abcde")], "q")
    assert document.page_content == "abc"
""",
    ("// 2)])", "// 2), (0, 1)])"),  # spans overlap
)
OLDEST = Method(
    "pipeline/kv/oldest.py",
    '''
"""The oldest tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rlc.pipeline.kv.base import Scored

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Oldest(Scored):
    """Keep the beginning.

    Source: nobody's.
    """

    def scores(
        self,
        module: Any,  # noqa: ANN401
        hidden_states: "torch.Tensor",  # noqa: ARG002
        keys: "torch.Tensor",
        values: "torch.Tensor",  # noqa: ARG002
        kwargs: Mapping[str, Any],  # noqa: ARG002
    ) -> "torch.Tensor":
        """The earlier, the better."""
        import torch

        return -torch.arange(keys.shape[2], dtype=torch.float32).expand(1, keys.shape[1], -1)

    # Nothing else.
''',
    "pipeline/kv/__init__.py",
    '"oldest": "rlc.pipeline.kv.oldest:Oldest"',
    """
import torch

from rlc.pipeline.kv import Oldest


def test_by_hand():
    keys = torch.arange(4.0).view(1, 1, 4, 1)
    assert Oldest(ratio=0.5).compress(None, None, keys, keys, None, {})[0].flatten().tolist() == [0, 1]
""",
    (
        "    # Nothing else.\n",
        "    def budget(self, length: int) -> int:\n        return min(length, 20)\n",  # not the share that it is told
    ),
)
TIDES = Method(
    "data/sets/tides.py",
    '''
"""When the tide comes, made here."""

from rlc.data.records import Dataset, Document, Evidence, Example
from rlc.data.sets.card import Card, Part

CARD = Card(
    name="tides",
    title="Tides",
    paper="arXiv 0000.00000",
    source=None,
    licence="Apache-2.0",
    parts={"time": Part()},
    bibtex="@misc{tides}",
)


def load() -> Dataset:
    """Two harbours and their tides."""
    examples = []
    for place, hour in (("Hull", "six"), ("Whitby", "nine")):
        text = f"At {place} the tide comes in at {hour}."
        document = Document(id=place, page_content=text, metadata={"kind": "notice"})
        at = text.index(hour)
        gold = (Evidence(place, at, at + len(hour), 1.0),)
        question = f"When does the tide come in at {place}?"
        examples.append(Example(f"tides-{place}", question, document, (hour,), task="time", gold=gold))
    documents = {example.document_id: example.document for example in examples}
    return Dataset("tides", tuple(examples), documents, "1", variant="generated")
''',
    "data/sets/__init__.py",
    '"tides": "rlc.data.sets.tides:load"',
    """
from rlc.data.datasets import load_dataset


def test_by_hand():
    first, _ = load_dataset("tides").examples
    [span] = first.gold
    assert first.document.page_content[span.start : span.end] == "six"
""",
    ("gold = (Evidence(place, at, at", "gold = (Evidence(place, at + 500, at + 500"),  # outside the text
)
METHODS = [PARAGRAPHS, OVERLAP, HEADLINE, LEADING, OLDEST, TIDES]
NAMES = [Path(method.file).stem for method in METHODS]
# Whatever enumerates tables without asking each entry by name must hold with a longer table, too.
OVER_TABLES = [
    "tests/experiments/cli/test_chunks.py::test_default_names_every_chunker_but_those_left_out",
    "tests/pipeline/test_recipe.py::test_references_are_written_out",
]


def run(command, folder, **settings):
    # pytest-xdist's and coverage's own settings belong to the process outside.
    own = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**own, **settings}
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what git knows, with the six methods, importable as `rlc`."""
    listed = run(["git", "ls-files", "-z"], ROOT)
    if listed.returncode != 0:
        pytest.skip("no git checkout to copy")
    folder = tmp_path_factory.mktemp("tree")
    for file in filter(None, listed.stdout.split("\0")):
        if (ROOT / file).is_file():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, folder / file)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "package-dir"
    ]
    for package, place in packages.items():
        if package.count(".") == 1:
            (folder / "links" / "rlc").mkdir(parents=True, exist_ok=True)
            (folder / "links" / "rlc" / package.partition(".")[2]).symlink_to(folder / place)
    if "rlc" in packages:
        (folder / "links" / "rlc" / "__init__.py").symlink_to(folder / packages["rlc"] / "__init__.py")
    for method in METHODS:
        add(method, folder)
    return folder


def add(method, folder):
    write(folder / method.file, method.code)
    test = Path("tests") / Path(method.file).with_name(f"test_{Path(method.file).name}")
    write(folder / test, method.test)
    table = folder / method.table
    text, found = re.subn(
        r"^([A-Z]+(?:: [^=\n]+)? = \{\n)",
        rf"\g<1>    {method.line},\n",
        table.read_text(),
        count=1,
        flags=re.MULTILINE,
    )
    assert found == 1, f"no table in {method.table}"
    table.write_text(text)


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.lstrip("\n"))


def laws(folder):
    """The contracts of all families for the six methods, and the six tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-rf"]
    own = [
        str(file.relative_to(folder)) for name in NAMES for file in folder.glob(f"tests/**/test_{name}.py")
    ]
    chosen = ["tests/contracts", "tests/pipeline/kv/test_kept.py", "tests/test_architecture.py", *own]
    words = " or ".join(NAMES)
    return run([*command, "-k", words, *chosen], folder, PYTHONPATH=str(folder / "links"))


@pytest.mark.slow
def test_six_methods_need_nothing_but_their_file_their_line_and_their_test(tree):
    done = laws(tree)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    show = "import rlc.chunkers.paragraphs as module; print(module.__file__)"
    shown = run([sys.executable, "-c", show], tree, PYTHONPATH=str(tree / "links"))
    assert str(tree) in shown.stdout, f"the copy was tested, not what is installed: {shown.stderr[-500:]}"
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = run([*command, *OVER_TABLES], tree, PYTHONPATH=str(tree / "links"))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.slow
def test_every_evil_twin_fails_a_law(tree):
    for method in METHODS:
        assert method.evil[0] in method.code, method.file
        write(tree / method.file, method.code.replace(*method.evil))
    done = laws(tree)
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-1000:]
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED tests/contracts")]
    failed += [
        line for line in done.stdout.splitlines() if line.startswith("FAILED tests/pipeline/kv/test_kept")
    ]
    for name in NAMES:
        assert any(f"[{name}" in line or f"-{name}" in line for line in failed), f"{name} broke no law"
