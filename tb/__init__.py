"""Testbenches: what runs inside the simulator (``bench_*``, cocotb) and what builds and starts it (``build``).

Everything here is run by ``tests/test_tb.py`` and ``tests/test_mutants.py``; a testbench is held against
``docs/specification.md`` and the golden model in ``pulsetrain.controller``.
"""
