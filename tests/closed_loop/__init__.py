"""Tests of closed_loop."""
