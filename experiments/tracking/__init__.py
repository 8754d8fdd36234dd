"""MLflow: one run per comparison with a child per reader, traces, and evaluation runs; see `tracking.log`."""
