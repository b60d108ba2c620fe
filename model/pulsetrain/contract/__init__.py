"""The contract between RTL, model, harness and documents: every name, number and order, once."""
