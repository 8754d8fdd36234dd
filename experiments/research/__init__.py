"""Scripts that made what the package ships; not part of the wheel."""
