"""Fusion of rankings by ranks (RRF) and by scores, for one query and for many at once."""
