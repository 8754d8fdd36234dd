"""The loop under the plain chunkers."""

import pytest

from rlc.chunkers.support.windows import Ruler, windows
from rlc.data.tokens import ApproximateTokenizer

TEXT = "one two three four five six seven eight"


@pytest.mark.parametrize("beyond", [1, -1])
def test_a_begin_that_would_leave_text_out_or_repeat_too_much_is_refused(beyond):
    ruler = Ruler(TEXT, ApproximateTokenizer())
    with pytest.raises(ValueError, match="begin must name a place"):
        windows(
            ruler,
            4,
            2,
            cut=lambda low, high: high,
            begin=lambda low, end: end + 1 if beyond > 0 else low - 1,
        )
