"""Which text reaches the reader."""
