"""The command layer: packets, vectors, answers, and the check of settings."""
