"""One file a mapping: features of the source, and how much its rows count, brought to the target's."""
