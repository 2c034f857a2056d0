"""The CARLA client side of a session: server, clock and town, the ego, its cameras, and snapshots as states.

Also starts the embedded simulator as a process. Who drives, and along which route, is decided elsewhere.
"""
