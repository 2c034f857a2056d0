"""One drive from its first tick to its last: set-up, the loop that owns the clock, guards, faults and its end."""
