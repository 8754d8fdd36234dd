"""Experiments: metrics, scorers, runs, statistics, reports, sweeps, tracking and the command line."""
