"""A stand-in for CARLA's `agents` package."""
