"""The one place where rays are cast: sensors' scans of the drawn town, and clients' lines through boxes.

Embree finds the hits of both. What a sensor makes of them is in `sim.sensors`, what a client gets in `sim.calls`.
"""
