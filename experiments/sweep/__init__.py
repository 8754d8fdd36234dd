"""Sweeps: the settings of a reader crossed, and what they share."""
