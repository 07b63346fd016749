"""One file an operation: what surgery can do to a backbone."""
