"""One file a reader: each turns one shape of data into tables by split."""
