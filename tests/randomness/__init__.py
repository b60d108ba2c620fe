"""Tests of randomness."""
