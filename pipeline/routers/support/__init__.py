"""Helpers of the routers: features, the gain model, prices, decisions."""
