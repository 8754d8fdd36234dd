"""Scorers: what one answer is worth, by rules or by a language model."""
