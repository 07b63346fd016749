"""Which part of a training graph is constant, and its features computed once."""
