"""The tables of the contract, and that a change of one reaches everything made of it."""
