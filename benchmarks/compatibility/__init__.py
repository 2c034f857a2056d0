"""Whether what was written for CARLA runs on this simulator: programs that are shipped elsewhere, each on a fresh server."""
