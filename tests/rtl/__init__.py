"""Runs of the testbenches and mutants of ``tb``, and the generated Verilog."""
