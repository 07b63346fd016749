"""Headstart as scikit-learn estimators: fit, predict and score, in pipelines and cross-validation."""
