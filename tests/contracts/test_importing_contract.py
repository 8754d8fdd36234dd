"""No method imports a library while its clock runs: a document would be billed for what the process costs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_what_is_made_has_imported_all_that_it_uses():
    """But `late`, whose window is larger than that of the encoder that stands in, and `endpoint`, which asks a server."""
    script = Path(__file__).with_name("importing.py")
    done = subprocess.run(
        [sys.executable, script, "late", "endpoint"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {}
