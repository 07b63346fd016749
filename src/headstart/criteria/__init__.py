"""One file a criterion: by what a step of training is chosen."""
