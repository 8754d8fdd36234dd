"""Indexes: analysed texts, postings, the collection behind them, and their files."""
