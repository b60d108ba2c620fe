"""Deliberately broken designs that the testbenches must catch."""
