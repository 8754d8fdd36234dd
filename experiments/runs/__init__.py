"""Runs: what is asked, by whom, how far it is, and what was kept of it."""
