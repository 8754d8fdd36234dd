"""What the documentation shows must be there: imports, commands, options, recipes."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from rlc.experiments.cli import main
from rlc.pipeline.recipe import load_recipe

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page, language):
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_compiles_and_its_imports_work(page):
    for block in blocks(page, "python"):
        compile(block, page.name, "exec")
        lines = [line for line in block.splitlines() if line.startswith(("from rlc", "import rlc"))]
        exec("\n".join(lines), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_recipes_are_complete(page):
    for block in blocks(page, "toml"):
        if "[readers." in block:
            load_recipe(block).completed()


def test_commands_and_options_exist():
    runner = CliRunner()
    shown = {}
    for page in PAGES:
        for line in re.findall(
            r"`(rlc [a-z][^`\n]*)`|^ *(rlc [a-z].*)$", page.read_text(encoding="utf-8"), re.MULTILINE
        ):
            words = "".join(line).split("#")[0].split()
            shown[tuple(words[1:])] = page.name
    assert len(shown) >= 10
    for words, page in shown.items():
        command, path = main, []
        while hasattr(command, "commands") and len(path) < len(words):
            assert words[len(path)] in command.commands, f"{page}: rlc {' '.join(words)}"
            command = command.commands[words[len(path)]]
            path.append(words[len(path)])
        known = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for word in words[len(path) :]:
            if word.startswith("--"):
                assert word in known | {"--help", "--version"}, f"{page}: rlc {' '.join(words)}"
        assert runner.invoke(main, [*path, "--help"]).exit_code == 0
