"""Which source, and which method: what one pass shows, a ranking of it, and the search under a budget."""
