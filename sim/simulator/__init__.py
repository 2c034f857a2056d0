"""One running simulation: a world with its clock, settings, recordings and streams, and the snapshot of each tick.

CARLA's calls are in `sim.calls`, sockets in `sim.server`.
"""
