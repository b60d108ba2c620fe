"""Digests recorded before the house was put in order: trainings and tiles give the same numbers, bit for bit."""
