"""Energy and time: events that were counted, and what each costs."""
