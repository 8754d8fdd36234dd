"""What an index is made of and kept in."""
