"""One file a scheme: what several targets of one network share, and what each has of its own."""
