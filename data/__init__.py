"""Nouns that everyone shares: records, protocols, errors, specs, tokens, the store, and the data sets."""
