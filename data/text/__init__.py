"""Rules of language: sentences, words, outlines, abstention."""
