"""What a process has to import or load once is done before a clock starts: no document pays for it."""

import ast
import importlib
import sys
from inspect import getsourcefile, isclass
from pathlib import Path
from typing import Any

import pytest

from rlc.chunkers import RecursiveChunker
from rlc.data.spec import Builder, Family
from rlc.pipeline.families import BUILDER, RETRIEVER
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.long import LongReader
from rlc.pipeline.readers.rag import RagReader
from rlc.retrievers import BM25Retriever
from rlc.retrievers.support.compressor import Compressor

FIRST_USED = "this"  # of the standard library: nothing else imports it


class Needy:
    NEEDS = (FIRST_USED,)


def test_what_a_method_needs_is_imported_as_it_is_built(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, FIRST_USED, raising=False)
    family = Family("needy", {"needy": f"{__name__}:Needy"})
    builder = Builder((family,))
    builder.complete({"use": "needy"}, family, "x")
    assert FIRST_USED not in sys.modules, "completing a spec is cheap"
    builder.build({"use": "needy"}, family, "x")
    assert FIRST_USED in sys.modules


def test_an_index_is_made_of_what_is_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "rank_bm25", raising=False)
    BUILDER.build({"use": "bm25", "k": 3}, RETRIEVER, "x")
    assert "rank_bm25" in sys.modules


BESIDE = {"transformers": {"huggingface_hub", "safetensors", "tokenizers"}}  # what another package brings


@pytest.mark.parametrize("family", BUILDER.families, ids=lambda family: family.kind)
def test_what_a_methods_file_imports_late_stands_in_its_needs(family):
    for method in filter(isclass, (family.method(name, name) for name in family.table)):
        needs = {package.partition(".")[0] for package in getattr(method, "NEEDS", ())}
        allowed = needs.union(*(BESIDE.get(package, ()) for package in needs))
        assert set(late_imports(Path(getsourcefile(method)))) <= allowed, method


def late_imports(file):
    """The packages that a file imports inside functions, but for rlc's own and the standard library's."""
    for function in ast.walk(ast.parse(file.read_text())):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                names = [node.module] if isinstance(node, ast.ImportFrom) else getattr(node, "names", ())
                if isinstance(node, ast.Import | ast.ImportFrom):
                    packages = {getattr(one, "name", one).partition(".")[0] for one in names}
                    yield from packages - {"rlc"} - sys.stdlib_module_names


def test_the_law_sees_a_late_import(tmp_path):
    (tmp_path / "late.py").write_text("def f():\n    import numpy.linalg\n    from os import path\n")
    assert list(late_imports(tmp_path / "late.py")) == ["numpy"]
    assert importlib.util.find_spec("numpy")


class Lazy(Compressor):
    """Tells when it is loaded and when it is used."""

    told: Any  # a list would be copied

    def warm(self):
        self.told.append("loaded")

    def refine(self, documents, query):
        self.told.append("used")
        return list(documents)


@pytest.mark.parametrize("kind", ["rag", "long"])
def test_steps_are_loaded_before_the_clock_starts(kind, make_example, monkeypatch):
    told, llm = [], ScriptedLLM({"": "x"})
    steps = [Lazy(told=told)]
    reader = (
        RagReader(RecursiveChunker(), BM25Retriever.from_documents, llm, steps)
        if kind == "rag"
        else LongReader(llm, steps=steps)
    )
    monkeypatch.setattr("time.perf_counter", lambda: told.append("clock") or 0.0)
    reader([make_example("a", "Who swims?", "The duck swims.")])
    assert told[0] == "loaded"
    assert "clock" in told[1 : told.index("used")]
