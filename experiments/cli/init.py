"""`rlc init`: a recipe to begin with, which names every choice there is."""

from pathlib import Path
from string import Template
from textwrap import shorten

from rlc.data.errors import StoreError, UsageError
from rlc.experiments.cli.lists import TABLES, what

WIDTH = 110
RECIPE = Template("""\
# A recipe of rlc: `rlc compare --recipe $file` asks its readers `rag` and `long` the same questions.
# Change what you like; a misspelt name or setting is an error that tells its place. `rlc list KIND` has the lists below.

# A part is shared by all that name it: llm = "@llm".
[parts.llm]
use = "hf"                # the engine:
$engines
model = "smollm2"         # an alias (`rlc list models`), a folder, or any Hugging Face id

# Retrieve, then read.
[readers.rag]
use = "rag"
order = "document"        # relevance, reverse (the best last), document, sides (the best at both ends)
max_tokens = 64           # of the answer
llm = "@llm"

[readers.rag.chunker]     # where to cut:
$chunkers
use = "recursive"
size = 256                # tokens of a chunk
overlap = 32
tokenizer = "minilm"      # whose tokens are counted

[readers.rag.retriever]   # how to find:
$retrievers
use = "hybrid"
k = 5                     # passages that are read
members = [{ use = "bm25", k = 50 }, { use = "dense", encoder = "minilm", k = 50 }]

# Steps refine what was found, one after the other; [[readers.rag.steps]] may stand several times.
# Rerankers:
$rerankers
# Selectors, which say how much is read:
$selectors
# Pruners, which leave out what the question does not need:
$pruners
#
# [[readers.rag.steps]]
# use = "sentence"
# encoder = "minilm"

# Read the whole document.
[readers.long]
use = "long"
overflow = "middle"       # refuse, middle or head: what becomes of a document that does not fit the window
max_tokens = 64
llm = "@llm"

# The control: the question alone. `--arms rag,long,closed` asks it too.
[readers.closed]
use = "closed"
llm = "@llm"

# Routers choose between rag and long; `--router NAME` adds one:
$routers
# Settings of a router that is added so:
# [parts.router-length]
# threshold = 4000

# `rlc sweep $file` crosses these settings of `rag` and ranks them.
[sweep.axes]
"readers.rag.chunker.size" = [128, 256]
"readers.rag.retriever.k" = [3, 5]
# Whole parts are crossed as well; a table is written in one line:
# "readers.rag.retriever" = [{ use = "bm25", k = 5 }, { use = "dense", encoder = "minilm", k = 5 }]
# "readers.rag.steps" = [[], [{ use = "sentence", encoder = "minilm" }]]
""")


def recipe_text(file: str) -> str:
    """The recipe, with the choices of every family from the tables."""
    return RECIPE.substitute({kind: _choices(kind) for kind in TABLES}, file=file)


def write_recipe(file: Path) -> Path:
    """Write it into a file that is not there yet.

    Raises:
        UsageError: if there is a file of that name.
        StoreError: if it cannot be written.
    """
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(recipe_text(str(file)))
    except FileExistsError as error:
        raise UsageError(f"{file} is there already, and is not overwritten: give another name") from error
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error}; give a file in a writable folder") from error
    return file


def _choices(kind: str) -> str:
    rows = (f"#   {name:<20} {what(name, target)}" for name, target in sorted(TABLES[kind].items()))
    return "\n".join(_line(row) for row in rows)


def _line(row: str) -> str:
    if len(row) <= WIDTH:
        return row
    head, text = row[:25], row[25:]
    return head + shorten(text, WIDTH - len(head), placeholder=" ...")
