"""Programming and verified updates: rounds of pulses and row reads."""
