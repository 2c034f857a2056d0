"""The driver of background vehicles: car following, junctions, lane changes, deadlocks and their settings."""
