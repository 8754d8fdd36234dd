"""What the site takes from the code, and what it refuses; `make docs` builds the whole."""

import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import rlc
from rlc.data import errors
from rlc.experiments.runs.results import COLUMNS

pytest.importorskip("mkdocs", reason="needs the extra `docs`")
pytest.importorskip("griffe", reason="needs the extra `docs`")
FILE = Path(__file__).resolve().parents[2] / "docs" / "generate.py"


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def text(generate):
    pytest.importorskip("kvpress", reason=errors.KVPRESS)
    return generate.on_page_markdown(f"before\n{generate.METHODS}\nafter")


def test_every_method_has_its_settings(generate, text):
    assert text.startswith("before\n")
    assert text.endswith("\nafter")
    for family in generate.HEADINGS.values():
        for name in family.table:
            assert f"### {name} {{ #{generate.ANCHORS[family.kind]}-{name} }}" in text
    assert "| `size` | whole number | `512` |" in text
    assert "| `tokenizer` | [tokenizer](#tokenizers) | `ApproximateTokenizer` |" in text
    assert "| `members` | list of [retriever](#retrievers)s | **needed** | functions from documents" in text
    assert '| `fusion` | `rrf`, `min-max`, `z`, `dbsf` | `"min-max"` |' in text
    assert "| `ratio` | number, at least 0, at most 1 | none |" in text


def test_what_a_bare_name_stands_for(text):
    assert "A bare name that is no method is a model of `hf`." in text


def test_every_column_of_the_results(generate):
    written = generate.on_page_markdown(generate.RESULTS)
    assert all(f"| `{name}` |" in written for name in COLUMNS)


def test_the_reference_shows_what_a_door_lists_and_nothing_else(generate):
    shown = []
    for page in sorted((FILE.parent / "reference" / "api").glob("*.md")):
        written = generate.on_page_markdown(page.read_text(encoding="utf-8"))
        shown += re.findall(r"(?m)^::: ([\w.]+)$", written)
        assert written.count(":::") == written.count("\n::: ")
    listed = {target.replace(":", ".") for target in rlc.TARGETS.values()}
    methods = {
        target.replace(":", ".") for family in generate.HEADINGS.values() for target in family.table.values()
    }
    assert len(shown) == len(set(shown))
    assert (listed | methods) - set(shown) == {"rlc.data.records.Document"}  # langchain-core's
    assert "rlc.data.store.Store" not in shown  # internal: in no door and no table
    assert len(shown) < len(methods) + 100


def test_other_pages_stay_as_they_are(generate):
    assert generate.on_page_markdown("# A page\n") == "# A page\n"


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="https://a.b/c.js">',
        "<link rel=stylesheet href=//a.b/c.css>",
        '<img alt="" src="http://a.b/c.png">',
    ],
)
def test_a_page_that_loads_from_elsewhere_is_refused(generate, tag):
    page = SimpleNamespace(file=SimpleNamespace(src_uri="a.md"))
    with pytest.raises(generate.PluginError, match=r"a\.md loads from elsewhere"):
        generate.on_post_page(f"<p>{tag}</p>", page)


def test_links_and_files_of_the_site_are_no_such_thing(generate):
    html = '<a href="https://a.b">there</a><img src="images/x.svg"><link href="../a.css">'
    assert generate.on_post_page(html, SimpleNamespace()) == html


def test_doctests_become_code(generate):
    docstring = SimpleNamespace(value="It adds.\n\n>>> add(1, 2)\n3\n\nThat is all.")
    generate.Doctests().on_object(obj=SimpleNamespace(docstring=docstring))
    assert docstring.value == "It adds.\n\n```pycon\n>>> add(1, 2)\n3\n```\n\nThat is all."
