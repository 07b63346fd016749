"""Backbones, heads and sources of pretrained models."""
