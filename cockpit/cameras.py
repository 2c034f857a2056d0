"""What a camera on the ego is: its name, picture size, field of view and place.

The rig asks for one such camera per screen, the policy for its own; the session spawns them all. Pure data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from recorder.schema import Pose


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """A symmetric pinhole camera that is fixed to the ego, as CARLA's cameras are."""

    name: str
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    fov_rad: float
    """Horizontal field of view, 0..pi."""
    pose: Pose = field(default_factory=Pose)
    """Place in the ego frame (x forward, y right, z up, metres); angles as in CARLA (yaw to the right, pitch up)."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"camera '{self.name}' has {self.width}x{self.height} pixels; both must be at least 1")
        if not 0.0 < self.fov_rad < math.pi:
            raise ValueError(f"camera '{self.name}' has fov_rad {self.fov_rad:.3f}; it must lie between 0 and pi")

    @property
    def focal_px(self) -> float:
        """Focal length in pixels: half the width over the tangent of half the field of view."""
        return self.width / (2.0 * math.tan(self.fov_rad / 2.0))
