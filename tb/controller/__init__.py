"""Testbenches of the whole controller."""
