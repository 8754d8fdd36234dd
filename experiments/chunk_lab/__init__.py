"""The chunkers' laboratory: chunkers compared at an equal number of tokens read."""
