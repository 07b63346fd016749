"""Readers, task inference, splits, checks, transforms and streams: from what a user has to batches."""
