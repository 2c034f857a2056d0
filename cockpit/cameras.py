"""What a camera on the ego is: data only.

The rig makes these from the screens by projection, the policy names its own (``front``), and `cockpit.world` attaches
them. Nothing here knows CARLA.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from recorder.schema import Pose


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One pinhole camera fixed to the ego."""

    name: str
    width: int
    height: int
    fov_rad: float = math.radians(90.0)
    """Horizontal field of view."""
    pose: Pose = field(default_factory=lambda: Pose(x=1.3, z=1.5))
    """In the ego frame: metres forward, right and up from the ego's reference point; radians."""


FRONT_CAMERA = CameraSpec("front", 640, 360)
"""The policy's camera where the configuration names no other: behind the windscreen, looking ahead."""
