"""What we learn from it."""
