"""Fixtures of these tests."""

from random_targets import make as make
