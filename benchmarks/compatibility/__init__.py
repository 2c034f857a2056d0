"""Whether what was written for CARLA runs on this simulator: programs shipped elsewhere, each on a fresh server."""
