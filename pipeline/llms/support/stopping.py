"""Stop strings: cut a text at the first of them."""

from collections.abc import Sequence


def cut_at_stop(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    r"""Cut the text before the first stop string in it; say whether there was one.

    >>> cut_at_stop("Paris.\nQuestion:", ["\n", "Q"])
    ('Paris.', True)
    """
    places = [place for place in (text.find(s) for s in stop if s) if place >= 0]
    return (text[: min(places)], True) if places else (text, False)
