"""Tests of array."""
