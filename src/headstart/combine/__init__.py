"""One file a rule: how the losses of a step, or their gradients, become one update."""
