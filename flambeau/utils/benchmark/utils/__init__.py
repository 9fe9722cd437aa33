"""Where torch keeps the parts of its benchmark tools."""
