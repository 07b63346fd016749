"""Methods that answer from the features of a few labelled rows, without training: one file a method."""
