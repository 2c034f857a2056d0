"""A stand-in for the part of CARLA's leaderboard that agents inherit from: the package is not installable."""
