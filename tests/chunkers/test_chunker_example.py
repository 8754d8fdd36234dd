"""The example runs as it stands, and shows what it says."""

import runpy
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "chunker_in_a_pipeline.py"


def test_chunks_are_exact_slices_and_indexed_once():
    example = runpy.run_path(str(EXAMPLE))
    found = example["main"]()
    places = sorted((chunk.metadata["start_index"], chunk.metadata["end_index"]) for chunk in found)
    assert "".join(example["GUIDE"][start:end] for start, end in places) == example["GUIDE"]
    assert len({chunk.id for chunk in found}) == len(found) > 1
    assert ["The harbour light", "Its end"] in [chunk.metadata["section"] for chunk in found]


def test_runs_as_a_script():
    done = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, check=True)
    assert "guide.md:0-" in done.stdout
