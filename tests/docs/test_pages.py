"""What the documentation shows is there and runs: page by page, in an empty folder, from the first block to the last.

`sh` and `python` blocks run, and `toml` blocks are completed as recipes; one that begins with `# NAME.toml` is written
to that file. A comment
`<!-- checked, not run: reason -->` above a block, or as a page's first line for all of its blocks, says that it needs
what a test has not (a GPU, the network, minutes): its commands and options must exist, its Python must compile and import. `rlc` commands run in this process, with
the laboratory's scripted recipe where a page names none and a scripted engine in place of any other.

A collector of our own: the blocks of a page build on each other, so a page must be one test, whatever process
pytest-xdist gives it to (Sybil makes a test of every block); and only here can a command run without its language model.
"""

import re
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from rlc.experiments.cli.main import main
from rlc.pipeline.recipe_files import load_recipe

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_RUN = r"<!-- checked, not run: [^\n]+ -->\n"
BLOCK = re.compile(
    rf"^(?P<not_run>{NOT_RUN})?```(?P<language>sh|bash|python|toml)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
INLINE = re.compile(r"`(rlc [a-z][^`\n]*)`")
ENGINE = 'parts.llm={use = "scripted", answers = {"" = "Ada Lowe, on Tuesdays."}}'
QUIET = {
    "RLC_COMPARE_TRACK": "0",
    "RLC_SWEEP_TRACK": "0",
}  # logging to MLflow takes long, and has tests of its own


class Block(NamedTuple):
    """A code block; `runs` unless a comment above it says why not."""

    language: str
    text: str
    runs: bool


def blocks(page):
    text = page.read_text(encoding="utf-8")
    runs = re.match(NOT_RUN, text) is None
    return [
        Block(found["language"].replace("bash", "sh"), found["text"], runs and not found["not_run"])
        for found in BLOCK.finditer(text)
        if not found["text"].startswith("--8<--")
    ]


def commands(script):
    """A shell script in pieces: `rlc` commands, continued lines joined, and all between them (here-documents whole)."""
    pieces, end = [], None
    for line in script.replace("\\\n", "").splitlines():
        if end is None and line.startswith("rlc "):
            pieces.append(line)
            continue
        if not pieces or pieces[-1].startswith("rlc "):
            pieces.append("")
        pieces[-1] += line + "\n"
        opened = re.search(r"<<'?(\w+)'?", line)
        end = opened[1] if opened else None if line == end else end
    return pieces


def check_command(words):
    """The command that these words name, all of whose options are there."""
    command, path = main, []
    while hasattr(command, "get_command") and len(path) < len(words) and not words[len(path)].startswith("-"):
        command = command.get_command(None, words[len(path)])
        assert command is not None, f"no command: rlc {' '.join(words)}"
        path.append(words[len(path)])
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    for word in words[len(path) :]:
        if word.startswith("--"):
            assert word.partition("=")[0] in known | {"--help", "--version"}, (
                f"no option: rlc {' '.join(words)}"
            )
    return path


def newest_run():
    return str(max(Path("runs").glob("*/results.parquet"), key=lambda file: file.stat().st_mtime).parent)


def run_command(line):
    words = shlex.split(line, comments=True)[1:]
    check_command(words)
    if words[0] in ("compare", "sweep"):
        words += ["--set", ENGINE]
    result = CliRunner().invoke(main, [newest_run() if word == "RUN" else word for word in words], env=QUIET)
    assert result.exit_code == 0, f"{line}\n{result.output}"


def run_sh(block):
    for piece in commands(block.text):
        if not piece.startswith("rlc "):
            if block.runs:
                subprocess.run(["bash", "-euc", piece], check=True, timeout=30)
        elif block.runs:
            run_command(piece)
        else:
            check_command(shlex.split(piece, comments=True)[1:])


def run_python(block, names):
    code = compile(block.text, "block", "exec")
    imports = "\n".join(re.findall(r"^(?:from|import) rlc.*$", block.text, re.MULTILINE))
    exec(code if block.runs else imports, names)


def run_toml(block):
    if "[readers." in block.text:
        load_recipe(block.text).completed()
    if named := re.match(r"# ([\w-]+\.toml)\n", block.text):
        Path(named[1]).write_text(block.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page, tmp_path, monkeypatch, scripted_recipe):
    monkeypatch.chdir(tmp_path)
    for name in ("RLC_DATA", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    recipe = tmp_path / "scripted.toml"
    recipe.write_text(scripted_recipe)
    monkeypatch.setenv("RLC_COMPARE_RECIPE", str(recipe))
    names = {"__name__": "docs"}
    for block in blocks(page):
        match block.language:
            case "sh":
                run_sh(block)
            case "python":
                run_python(block, names)
            case "toml":
                run_toml(block)
    for line in INLINE.findall(page.read_text(encoding="utf-8")):
        check_command(shlex.split(line)[1:])


def test_every_command_is_shown():
    shown = {word for page in PAGES for word in re.findall(r"rlc ([a-z]+)", page.read_text(encoding="utf-8"))}
    assert set(main.list_commands(None)) <= shown


def named_files(text):
    """The files of ours that a page names in its sentences, and those that its `python` commands run."""
    shelves = "api|chunkers|data|docs|examples|experiments|pipeline|retrievers|tests"
    yield from re.findall(rf"`((?:{shelves})/[\w./-]+\.\w+)[`:]", text)
    yield from re.findall(rf"python ((?:{shelves})/\S+\.py)", text)
    for module in re.findall(r"python -m (rlc[\w.]+)", text):
        yield module.removeprefix("rlc.").replace(".", "/") + ".py"


def test_the_files_that_pages_name_are_there():
    pages = [*PAGES, *(ROOT / "experiments").rglob("*.md")]
    named = [(page.name, file) for page in pages for file in named_files(page.read_text(encoding="utf-8"))]
    assert len(named) > 60
    # What a page says of tests is below `tests/`.
    assert [one for one in named if not any((ROOT / at / one[1]).is_file() for at in ("", "tests"))] == []


def test_commands_by_hand():
    script = (
        "mkdir a\ncat > b <<'END'\nrlc is a word here\nEND\nrlc compare \\\n  --limit 3\nrlc list  # all\n"
    )
    assert commands(script) == [
        "mkdir a\ncat > b <<'END'\nrlc is a word here\nEND\n",
        "rlc compare   --limit 3",
        "rlc list  # all",
    ]
    with pytest.raises(AssertionError, match="no option"):
        check_command(["compare", "--datasett", "x"])
    with pytest.raises(AssertionError, match="no command"):
        check_command(["compair"])
