"""What the routers share."""
