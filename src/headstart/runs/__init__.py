"""One run from data to a tested, saved model: what fit and evaluate do."""
