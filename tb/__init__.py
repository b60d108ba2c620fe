"""Testbenches: what runs inside the simulator (``bench_*``, cocotb) and what builds and starts it (``lib.build``).

Everything here is run by ``tests/rtl``; a testbench is held against
``docs/specification.md`` and the golden model in ``pulsetrain.controller``.
"""
