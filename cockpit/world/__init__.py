"""The CARLA client side of a session: server, town, ego, cameras and snapshots; the only room that drives
`carla.Client`.
"""
