"""Data only: maps, rigs, device profiles, routes, sounds and the small checkpoint."""
