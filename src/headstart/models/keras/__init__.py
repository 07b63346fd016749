"""Networks of Keras as plain torch modules."""
