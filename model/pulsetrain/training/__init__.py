"""Training on the host: data, network, optimizers, rules, runs and studies."""
