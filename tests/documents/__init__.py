"""Documents: links, commands, the examples and tables of the specification and the guide."""
