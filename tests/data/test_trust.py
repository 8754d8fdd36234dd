"""What a recipe or a run folder from a stranger may have run: nothing."""

import json
from pathlib import Path

import pytest

from rlc.data.errors import UsageError
from rlc.data.spec import Builder
from rlc.data.store import Store
from rlc.data.trust import ALLOWED, check_code, looking, trusted_file
from rlc.pipeline.families import BUILDER, ENCODER, LLM
from rlc.pipeline.llms import LLMS
from rlc.pipeline.recipe import build_readers
from rlc.pipeline.recipe_files import load_recipe

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def nobody_trusts(monkeypatch, tmp_path):
    monkeypatch.delenv(ALLOWED, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("rlc.data.trust._shown", set())


@pytest.fixture
def touch(tmp_path):
    """A spec whose making would leave a file behind, and the file."""
    file = tmp_path / "RAN"
    arguments = {"args": f"touch {file}", "shell": True}
    return {"use": "langchain", "window": 900, "target": "subprocess:run", "arguments": arguments}, file


def build(spec, family=LLM):
    return Builder(BUILDER.families).build(BUILDER.complete(spec, family, "it"), family, "it")


def test_a_target_is_neither_imported_nor_called(touch):
    spec, file = touch
    with pytest.raises(
        UsageError, match=r"it\.target names code to be run: subprocess:run.*--allow-code.*trusted\.toml"
    ):
        build(spec)
    assert not file.exists()


def test_embeddings_named_by_a_string_are_not_imported(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil_module.py").write_text(f"open({str(tmp_path / 'RAN')!r}, 'w')")
    with pytest.raises(UsageError, match=r"it\.embeddings names code"):
        build({"use": "langchain", "window": 9, "embeddings": "evil_module:Anything"}, ENCODER)
    assert not (tmp_path / "RAN").exists()


def test_an_engines_own_arguments_count_as_code():
    with pytest.raises(UsageError, match=r"it\.extra names code"):
        build({"use": "vllm", "model": "smollm2", "extra": {"trust_remote_code": True}})


def test_readers_are_looked_at_before_any_is_made(tmp_path):
    recipe = load_recipe(
        "[readers.long]\nuse = 'long'\nllm = { use = 'langchain', window = 900, target = 'subprocess:run' }"
    )
    with pytest.raises(UsageError, match=r"readers\.long\.llm\.target names code"):
        build_readers(recipe.completed(), Store(tmp_path))


def test_what_the_user_allows_runs_and_is_shown_before(touch, monkeypatch):
    spec, file = touch
    monkeypatch.setenv(ALLOWED, "1")
    with (
        pytest.warns(UserWarning, match="it.target runs subprocess:run"),
        pytest.raises(Exception, match="CompletedProcess"),
    ):
        build(spec)
    assert file.exists()


def test_looking_runs_nothing_whatever_is_allowed(touch, monkeypatch):
    spec, file = touch
    monkeypatch.setenv(ALLOWED, "1")
    with looking(), pytest.raises(UsageError, match="looking runs none"):
        build(spec)
    assert not file.exists()


def test_the_users_own_list_allows_what_it_names_alone(monkeypatch):
    trusted_file().parent.mkdir(parents=True)
    trusted_file().write_text('code = ["mine:Model"]')
    with pytest.warns(UserWarning, match="a runs mine:Model"):
        check_code("a", "mine:Model")
    for other in ("mine:Other", "mine", {"x": 1}):
        with pytest.raises(UsageError, match="a names code"):
            check_code("a", other)
    for broken in ("code = 3", "code = [1]", "code ["):
        trusted_file().write_text(broken)
        with pytest.raises(UsageError, match=r"trusted\.toml"):
            check_code("a", "mine:Model")


def test_every_model_is_loaded_without_code_of_its_own():
    lines = [
        (path.relative_to(ROOT), call)
        for shelf in ("data", "chunkers", "retrievers", "pipeline", "experiments/research")
        for path in (ROOT / shelf).rglob("*.py")
        for call in _loading(path)
    ]
    assert len(lines) >= 10
    for path, call in lines:
        settings = {keyword.arg for keyword in call.keywords}
        assert "trust_remote_code" in settings or None in settings, f"{path}:{call.lineno}"


def _loading(path):
    import ast

    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and (
            (isinstance(node.func, ast.Attribute) and node.func.attr == "from_pretrained")
            or (isinstance(node.func, ast.Name) and node.func.id == "SentenceTransformer")
        ):
            yield node


def test_every_engine_that_names_code_says_so():
    named = {name for name in LLMS if getattr(LLM.method(name, "it"), "CODE", ())}
    assert named == {"langchain", "vllm"}


def test_json_of_a_spec_stays_data(touch):
    spec, file = touch
    assert json.loads(json.dumps(BUILDER.complete(spec, LLM, "it")))["target"] == "subprocess:run"
    assert not file.exists()
