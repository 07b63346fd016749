"""Linear layers solved to their optimum on features that stay the same: arrays in, arrays out."""
