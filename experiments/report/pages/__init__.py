"""The pages: a run, two runs, a sweep, one question."""
