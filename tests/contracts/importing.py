"""Prints the methods that import a library when they are first used: `python importing.py`, in a process of its own.

Each entry of the tables is made and used in a child that has imported nothing but what all of them share.
"""

import json
import os
import sys
import warnings

import stand_ins

from rlc.data.records import Document
from rlc.data.trust import ALLOWED
from rlc.pipeline.families import CHUNKER, RETRIEVER, STEP
from rlc.pipeline.readers.support.indexing import index_documents, warm
from rlc.retrievers.base import search

TEXT = "Ada Lowe keeps the lamp of the mill. It cost 1,200 crowns, and Tom bought the ship. " * 40
DOCUMENT = Document(id="d", page_content=TEXT, metadata={"source": "d"})
CHUNKS = [
    Document(
        id=f"d:{start}-{start + 90}",
        page_content=TEXT[start : start + 90],
        metadata={"source": "d", "start_index": start, "end_index": start + 90, "relevance_score": 1.0},
    )
    for start in range(0, 2700, 90)
]
USES = {
    CHUNKER.kind: lambda made: index_documents(made, lambda chunks: chunks, [DOCUMENT]),
    RETRIEVER.kind: lambda made: search(made(CHUNKS), ["Who keeps the lamp?"], 3),
    STEP.kind: lambda made: made.compress_documents(CHUNKS[:4], "Who keeps the lamp?"),
}


def imported(family, name):
    """The libraries that using an entry imports, once it is made."""
    made = stand_ins.build(family, name)
    warm([made])
    before = {module.partition(".")[0] for module in sys.modules}
    USES[family.kind](made)
    after = {module.partition(".")[0] for module in sys.modules}
    return sorted(one for one in after - before - sys.stdlib_module_names if not one.startswith("_"))


def in_a_child(family, name):
    """The same, in a child that leaves this process as it was."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        found = ["it failed"]
        try:
            found = imported(family, name)
        finally:
            os.write(writing, json.dumps(found).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        found = json.loads(said.read())
    os.waitpid(child, 0)
    return found


if __name__ == "__main__":
    os.environ[ALLOWED] = "1"
    warnings.simplefilter("ignore")
    entries = [
        (family, name)
        for family in (CHUNKER, RETRIEVER, STEP)
        for name in family.table
        if not stand_ins.needs_weights(family, name) and name not in sys.argv[1:]
    ]
    print(json.dumps({name: found for family, name in entries if (found := in_a_child(family, name))}))  # noqa: T201
