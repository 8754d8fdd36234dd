"""What carries a fusion out: keys and values of passages, moved, joined and renewed, and an engine over them."""
