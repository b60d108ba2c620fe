"""Judging sources of random words by the rare events that training is made of.

``algebra`` proves periods, ranks and ties; ``statistics`` tests words; ``suite`` holds the sources that are compared
and the family of tests that all of them take. Results: ``docs/results/randomness.md``.
"""
