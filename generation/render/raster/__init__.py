"""Which face is seen at which pixel."""
