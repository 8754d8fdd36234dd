"""File formats that a data set may be written in."""
