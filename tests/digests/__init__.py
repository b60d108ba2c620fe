"""Digests recorded before the house was put in order: tiles and trainings give the same numbers, bit for bit."""
