"""The Verilated core as a library: built, loaded, driven a run of commands at a time."""
