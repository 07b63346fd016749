"""One file a kind of target: how labels are read and encoded, learnt, decided, measured and shown."""
