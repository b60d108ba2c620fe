"""From deltas or vectors to slots: random words, decisions, pairs of devices, the pulse scheduler."""
