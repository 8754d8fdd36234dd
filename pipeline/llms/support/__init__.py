"""Helpers of the engines: chat templates, connections to servers, processes, caches."""
