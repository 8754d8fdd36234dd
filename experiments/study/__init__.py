"""A run read back: its figures, each worked out once."""
