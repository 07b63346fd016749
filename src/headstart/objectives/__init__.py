"""One file an objective: what is minimised, on which streams."""
