"""Files replaced whole or not at all: whoever reads one sees the old text or the new, never half of either."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def written(file: Path, draft_in: Path | None = None) -> Iterator[Path]:
    """Hand out a draft's path, and put the draft in the file's place at the end.

    Where the block raises, the draft is removed and the file stays as it was. A draft is named by its process, so that
    two that write the same file do not write into each other's.

    Args:
        file: what is replaced; its folder must be there.
        draft_in: the draft's folder, on the same disk, where the file's own folder must hold nothing else.

    Raises:
        OSError: where it cannot be written.
    """
    draft = (draft_in or file.parent) / f".{file.name}.{os.getpid()}.part"
    try:
        yield draft
        draft.replace(file)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
