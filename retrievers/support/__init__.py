"""Base classes of nested retrievers, passages put together from chunks, and steps after retrieval."""
