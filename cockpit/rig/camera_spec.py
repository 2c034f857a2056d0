"""What a camera on the ego is: data only.

The rig makes these from the screens by projection, the policy names its own (``front``), and `cockpit.world.world`
attaches them. Nothing here knows CARLA.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from recorder.schema import POLICY_CAMERA, Pose


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One symmetric pinhole camera fixed to the ego, as CARLA's cameras are."""

    name: str
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    fov_rad: float = math.radians(90.0)
    """Horizontal field of view, 0..pi."""
    pose: Pose = field(default_factory=lambda: Pose(x=1.3, z=1.5))
    """In the ego frame: metres forward, right and up from the ego's reference point; radians."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"camera '{self.name}' has {self.width}x{self.height} pixels; both must be at least 1")
        if not 0.0 < self.fov_rad < math.pi:
            raise ValueError(f"camera '{self.name}' has fov_rad {self.fov_rad:.3f}; it must lie between 0 and pi")

    @property
    def focal_px(self) -> float:
        """Focal length in pixels: half the width over the tangent of half the field of view."""
        return self.width / (2.0 * math.tan(self.fov_rad / 2.0))


FRONT_CAMERA = CameraSpec(POLICY_CAMERA, 640, 360)
"""The policy's camera where the configuration names no other: behind the windscreen, looking ahead."""
