"""Tests of energy."""
