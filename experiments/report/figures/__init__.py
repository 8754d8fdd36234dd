"""What the sections draw with, and figures that several of them show."""
