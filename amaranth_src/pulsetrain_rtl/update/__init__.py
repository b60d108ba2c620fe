"""From deltas to slots: random words, decisions, and the pulse scheduler."""
