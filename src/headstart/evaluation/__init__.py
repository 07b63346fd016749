"""Metrics with intervals, from arrays of labels and predictions."""
