"""The shapes of vehicles, walkers and the cabin as triangles.

How they are lit and drawn is in `sim.render.passes`; how cars move is in `sim.vehicles`.
"""
