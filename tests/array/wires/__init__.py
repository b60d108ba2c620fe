"""Tests of array/wires."""
