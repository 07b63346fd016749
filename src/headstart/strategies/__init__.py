"""One file a strategy: how weights may move."""
