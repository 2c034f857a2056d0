"""What models of vehicles share: colours of their parts, and the spokes by which wheels are seen to roll."""

from __future__ import annotations

import numpy as np

from sim.town.solids import Colour, Solid

BLACK: Colour = (0.05, 0.05, 0.055)
TYRE: Colour = (0.075, 0.075, 0.08)
ARCH: Colour = (0.03, 0.03, 0.03)
RIM: Colour = (0.60, 0.61, 0.63)
GLASS: Colour = (0.06, 0.075, 0.09)
LAMP_GLASS: Colour = (0.95, 0.95, 0.90)
RED_LAMP: Colour = (1.0, 0.07, 0.05)
AMBER: Colour = (1.0, 0.55, 0.04)
PLATE: Colour = (0.88, 0.88, 0.84)
WHITE_PAINT: Colour = (0.9, 0.9, 0.9)


def add_spokes(solid: Solid, hub: Colour, length: float) -> None:
    """Three spokes across a wheel on both of its sides, by which it is seen to roll; `hub` is on the right side."""
    for angle in np.arange(3) * np.pi / 3.0:
        along = length * np.array([np.cos(angle), 0.0, np.sin(angle)])
        across = 0.05 * np.array([-along[2], 0.0, along[0]])
        for side in (-1.0, 1.0):
            at = np.array([hub[0], side * hub[1], hub[2]])
            corners = np.array([at - along - across, at + along - across, at + along + across, at - along + across])
            solid.quad(corners if side < 0.0 else corners[::-1], RIM)
