"""The golden array: conductances on a grid of 1 pS, pulses, reads and time. Specification, sections 12 and 18."""
