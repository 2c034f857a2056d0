"""The stages of a picture: sky, shadows, lamps, labels, weather; and their shaders.

Shapes are in `sim.render.models` and `sim.town`; `sim.render.renderer` puts the stages together.
"""
