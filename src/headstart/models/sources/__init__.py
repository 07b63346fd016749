"""One file a source of pretrained models."""
