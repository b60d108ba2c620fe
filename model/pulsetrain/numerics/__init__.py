"""Arithmetic with the same bits on every machine: compiled functions, noise, quantiles, threads."""
