"""Units of text to keep or drop, and Provence's network, layouts and checkpoints."""
