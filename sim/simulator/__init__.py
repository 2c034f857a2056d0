"""One running simulation: a world with its clock, settings, recordings and streams, and the snapshot of each tick."""
