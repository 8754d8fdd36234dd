"""Helpers of the readers: asking an engine, indexing, and keeping answers in the store."""
