"""Methods of other packages: announced by entry points, or named by their path, with what stands for them in the store."""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from rlc.data import plugins
from rlc.data.errors import SpecError, UsageError
from rlc.data.plugins import code_version, joined, with_plugins
from rlc.data.trust import ALLOWED, check_code, looking
from rlc.experiments.report.pages.run import write_report
from rlc.experiments.runs.compare import documents_together
from rlc.pipeline.families import BUILDER, CHUNKER, READER, pays, role_of
from rlc.pipeline.identity import revisions

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"
NAMED = "paragraphs_rlc:ParagraphChunker"

pytestmark = pytest.mark.filterwarnings("ignore:.* runs .*:UserWarning")


@pytest.fixture
def installed(tmp_path):
    """Where the example package is installed as pip would, without pip's time: its module and its metadata."""
    site = tmp_path / "site"
    about = site / "paragraphs_rlc-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "paragraphs_rlc.py").write_text((EXAMPLE / "paragraphs_rlc.py").read_text())
    import tomllib

    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in named.items())
        for group, named in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("\n".join(lines))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: paragraphs-rlc\nVersion: 1.0\n")
    (about / "RECORD").write_text("paragraphs_rlc.py,,\n")
    (about / "top_level.txt").write_text("paragraphs_rlc\n")
    return site


def test_an_installed_package_is_listed_and_used(installed, shell, tmp_path):
    recipe = (tmp_path / "recipe.toml").read_text()
    line = next(one for one in recipe.splitlines() if one.startswith("chunker ="))
    (tmp_path / "recipe.toml").write_text(
        recipe.replace(line, 'chunker = { use = "paragraphs", paragraphs = 2 }')
    )

    def rlc(*words):
        code = "from rlc.experiments.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "A chunk for every so many paragraphs." in rlc("list", "chunkers")
    compare = ("compare", "--recipe", "recipe.toml", "--dataset", "mine", "--no-track", "--name", "plugged")
    assert "right, %" in rlc(*compare, "--measure", "paragraphs:starts-right")
    # Without the package the same recipe says what it does not know.
    assert "no chunker 'paragraphs'" in shell(*compare, code=2).output


def test_a_class_named_by_its_path_needs_the_users_word(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.delenv(ALLOWED, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="names code to be run: paragraphs_rlc:ParagraphChunker"):
        BUILDER.complete({"use": NAMED}, CHUNKER, "chunker")
    monkeypatch.setenv(ALLOWED, "1")
    with pytest.warns(UserWarning, match="chunker.use runs"):
        completed = BUILDER.complete({"use": NAMED, "paragraphs": 2}, CHUNKER, "chunker")
    assert BUILDER.build(completed, CHUNKER, "chunker").paragraphs == 2
    with pytest.raises(SpecError, match=r"no setting 'size'; known: paragraphs"):
        BUILDER.complete({"use": NAMED, "size": 3}, CHUNKER, "chunker")
    with pytest.raises(SpecError, match=r"expected package\.module:Class that can be imported.* PYTHONPATH"):
        BUILDER.complete({"use": "no_such_module:Chunker"}, CHUNKER, "chunker")
    with looking():
        assert role_of({"use": NAMED, "arm": "rag"}) == "rag", "looking runs nothing, and asks nothing"
        with pytest.raises(UsageError, match="looking runs none"):
            BUILDER.complete({"use": NAMED}, CHUNKER, "chunker")


def test_its_source_is_part_of_what_answers_are_stored_under(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(ALLOWED, "1")
    module = tmp_path / "mine_rlc.py"
    module.write_text((EXAMPLE / "paragraphs_rlc.py").read_text())
    spec = {"use": "mine_rlc:ParagraphChunker", "paragraphs": 1}
    before = revisions(spec, CHUNKER)
    module.write_text(module.read_text() + "\n# another state\n")
    assert before != revisions(spec, CHUNKER)
    assert code_version("numpy:array").startswith("numpy "), "of what is installed, the version"
    assert not revisions({"use": "sentence"}, CHUNKER), "rlc's own methods have theirs"


def test_a_router_named_by_its_path_is_one(monkeypatch, tmp_path):
    (tmp_path / "mine.py").write_text("class Mine:\n    role = 'router'\n    pays = 'all'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(ALLOWED, "1")
    spec = {"use": "mine:Mine"}
    assert (role_of(spec), pays(spec)) == ("router", "all")
    assert (role_of({"use": "rag"}), pays({"use": "rag"})) == ("rag", "")


def test_code_is_shown_once_wherever_it_stands(monkeypatch):
    monkeypatch.setattr("rlc.data.trust._shown", set())
    monkeypatch.setenv(ALLOWED, "1")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for place in ("readers.a.use", "reader.use", "readers.b.use"):
            check_code(place, "mine:Model")
    assert [str(one.message) for one in told] == ["readers.a.use runs mine:Model"]


def test_a_name_of_rlcs_own_stays_its_own(monkeypatch):
    taken = plugins.EntryPoint("bm25", "evil:Retriever", "rlc.retrievers")
    monkeypatch.setattr(plugins, "_announced", lambda: {"rlc.retrievers": [taken]})
    with pytest.warns(UserWarning, match="left out until it has another name"):
        assert with_plugins("retrievers", {"bm25": "ours"}) == {"bm25": "ours"}


def test_a_run_with_a_path_is_reported_without_running_it(shell, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLE)
    recipe = (tmp_path / "recipe.toml").read_text()
    line = next(one for one in recipe.splitlines() if one.startswith("chunker ="))
    (tmp_path / "recipe.toml").write_text(recipe.replace(line, f'chunker = {{ use = "{NAMED}" }}'))
    compare = ("compare", "--recipe", "recipe.toml", "--dataset", "mine", "--no-track", "--name", "path")
    assert "--allow-code" in shell(*compare, code=2).output
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    shell(*compare, "--allow-code")
    monkeypatch.delenv(ALLOWED, raising=False)
    assert READER.table, "the table is at hand"
    monkeypatch.setattr(plugins, "load", lambda _: pytest.fail("code ran in a look"))
    report = write_report("path", tmp_path / "runs")
    assert report.is_file()
    shell("diff", "path", "path")
    shown = shell("show", "path", "lamp.txt:6cd07f2c")
    assert "looking runs none" in " ".join(shown.output.split())


TABLES = {
    "chunkers": "rlc.chunkers:CHUNKERS",
    "retrievers": "rlc.retrievers:RETRIEVERS",
    "rerankers": "rlc.retrievers.rerank:RERANKERS",
    "pruners": "rlc.retrievers.prune:PRUNERS",
    "selectors": "rlc.retrievers.select:SELECTORS",
    "encoders": "rlc.retrievers.encoders:ENCODERS",
    "sparse_encoders": "rlc.retrievers.encoders:SPARSE_ENCODERS",
    "multi_vector_encoders": "rlc.retrievers.encoders:MULTI_VECTOR_ENCODERS",
    "engines": "rlc.pipeline.llms:LLMS",
    "kv": "rlc.pipeline.kv:KEPT",
    "looks": "rlc.pipeline.looks:LOOKS",
    "fusions": "rlc.pipeline.fusion:FUSIONS",
    "readers": "rlc.pipeline.readers:READERS",
    "routers": "rlc.pipeline.routers:ROUTERS",
    "datasets": "rlc.data.sets:SETS",
    "scorers": "rlc.experiments.scorers.measured:SCORERS",
}


def test_every_table_takes_methods_of_other_packages(tmp_path):
    """Every table that the guide names, and every group that it names, in one process with such a package installed."""
    guide = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    named = {
        table
        for row in guide.splitlines()
        if row.startswith("| ")
        for table in re.findall(r"`([A-Z_]+)`", row)
    }
    assert named - {"SECTIONS"} == {place.partition(":")[2] for place in TABLES.values()} | {"CARD"}
    assert set(re.findall(r"`rlc\.(\w+)`", guide.partition("The groups are")[2].partition("\n\n")[0])) == set(
        TABLES
    )
    about = tmp_path / "everything_rlc-1.0.dist-info"
    about.mkdir()
    about.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: everything-rlc\nVersion: 1.0\n")
    groups = [f"[rlc.{group}]\nfrom-{group} = everything_rlc:Method\n" for group in TABLES]
    about.joinpath("entry_points.txt").write_text("".join(groups))
    places = " ".join(f"{group}={place}" for group, place in TABLES.items())
    code = (
        "import sys; from rlc.data.lazy import load\n"
        "for pair in sys.argv[1:]:\n"
        "    group, place = pair.split('=')\n"
        "    print(group, load(place).get(f'from-{group}'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *places.split()],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [f"{group} everything_rlc:Method" for group in TABLES]


def test_a_plug_in_takes_no_name_of_another_table_that_recipes_name_in_the_same_place():
    own, router, pruner = {"rag": "rlc.readers:Rag"}, {"rag": "evil:Router"}, {"mine": "mine:Pruner"}
    for tables in ((own, router, pruner), (router, own, pruner)):
        with pytest.warns(UserWarning, match="evil:Router is announced as 'rag' beside rlc.readers:Rag"):
            assert joined(*tables) == own | pruner


def test_an_engine_named_by_its_path_is_asked_how_many_documents_it_wants(monkeypatch):
    monkeypatch.setenv(ALLOWED, "1")
    assert documents_together({"long": {"llm": {"use": "rlc.pipeline.llms.scripted:ScriptedLLM"}}}) == 1
