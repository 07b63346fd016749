"""One file a metric: how good predictions are, as one figure."""
