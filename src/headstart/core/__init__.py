"""What every other layer stands on: words, errors, plug-ins, recipes, storage, randomness. No torch at import."""
