"""Tests of pulsetrain; the folders mirror those of what is tested."""
