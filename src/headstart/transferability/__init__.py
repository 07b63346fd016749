"""Transferability scores: one file a score; features and labels in, a float out."""
