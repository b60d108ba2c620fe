"""Writes that are read back: programming, forming, refreshing, verified updates. Specification, section 16."""
