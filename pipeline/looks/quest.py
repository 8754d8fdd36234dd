"""Quest: pages of the cache are chosen by the most that a query can have in common with any key in them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.looks.base import Layer
from rlc.pipeline.looks.support.choosing import Choosing, by_pages

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Quest(Choosing):
    """Look at the pages that bound the query's product highest, with the page that is being written.

    score(page) = sum over channels c of max(q_c * lowest_c, q_c * highest_c), by the lowest and highest key of the page.

    Source: Tang et al., ICML 2024, arXiv 2406.10774 (pages of 16, the first two layers dense). A page at the end of the
    budget may be seen in part.

    Args:
        tokens: that are looked at, at most.
        dense: the first layers, which look at everything.
        page: tokens of a page.
    """

    dense: int = 2
    page: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.page < 1:
            raise ValueError(f"page must be at least 1, got {self.page}")

    def scores(self, query: "Tensor", key: "Tensor", layer: Layer) -> "Tensor":
        """The bound of each token's page."""
        length, dimension = key.shape[2:]
        whole = length // self.page
        pages = key[:, :, : whole * self.page].reshape(*key.shape[:2], whole, self.page, dimension)
        low, high = pages.amin(3), pages.amax(3)
        # max(q l, q h) is q h where q is positive and q l where it is negative.
        bound = query.clamp(min=0) @ high.transpose(2, 3) + query.clamp(max=0) @ low.transpose(2, 3)
        return by_pages(bound, self.page, layer, query.shape[2], length)
