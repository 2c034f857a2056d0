"""The head tracking of a rig file: where the poses come from, and how they become the driver's eye."""

from __future__ import annotations

import enum
import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Vector3 = tuple[float, float, float]
Reach = Annotated[float, Field(ge=0.0, le=2.0)]
AXIS = re.compile(r"^[+-]?[xyz]$")
TRACKED_REACH_M = (0.15, 0.25, 0.15)
"""How far a seated driver's head goes from its place: forward, sideways, up."""
PORTS = {"vrpn": 3883, "natnet": 1510}


class HeadSource(enum.StrEnum):
    """Who measures the head."""

    FIXED = "fixed"
    """Nobody: the eye stays at its place."""
    VRPN = "vrpn"
    NATNET = "natnet"
    """OptiTrack's Motive."""
    LSL = "lsl"
    """A Lab Streaming Layer stream of x, y, z in metres and, if it has seven channels, a quaternion x, y, z, w."""


class HeadTracking(BaseModel):
    """Head tracking of a rig; by default there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: HeadSource = HeadSource.FIXED
    host: str = "127.0.0.1"
    """The tracker's machine (VRPN, NatNet)."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Its port; None: 3883 for VRPN, 1510 (commands) for NatNet."""
    multicast: str | None = None
    """NatNet: the group its data come by, e.g. 239.255.42.99; None asks the server to send to us alone."""
    name: str = ""
    """VRPN: the tracker's name. LSL: the stream's name."""
    body: Annotated[int, Field(ge=0)] = 0
    """VRPN: the sensor's number. NatNet: the rigid body's streaming id."""
    axes: tuple[str, str, str] = ("x", "y", "z")
    """Which of the tracker's axes are the rig's forward, right and up, e.g. ["-z", "x", "y"] for a y-up tracker."""
    origin_m: Vector3 = (0.0, 0.0, 0.0)
    """The tracker's origin in the rig frame."""
    eye_in_body_m: Vector3 = (0.0, 0.0, 0.0)
    """The eye (between both) seen from the tracked body: forward, right, up while the driver looks ahead."""
    range_m: tuple[Reach, Reach, Reach] | None = None
    """How far the eye may go from its place, either way; every camera covers its screen from all of that box."""
    latency_s: Annotated[float, Field(ge=0.0, le=0.2)] = 0.05
    """How far ahead the eye is predicted: from the tracker's measurement to the light of the screen."""
    lost_s: Annotated[float, Field(gt=0.0, le=10.0)] = 0.5
    """Silence after which the tracker counts as lost; the eye then glides back to its place."""

    @model_validator(mode="after")
    def _fits_the_source(self) -> HeadTracking:
        if any(AXIS.match(axis) is None for axis in self.axes) or len({axis[-1] for axis in self.axes}) != 3:
            raise ValueError(f"axes: {list(self.axes)} must name x, y and z once each, with or without a sign")
        if self.source in (HeadSource.VRPN, HeadSource.LSL) and not self.name:
            raise ValueError(
                f"source {self.source} needs the name of its {'tracker' if self.source == 'vrpn' else 'stream'}"
            )
        return self

    def reach_m(self) -> Vector3:
        """How far the eye may go from its place along each axis."""
        if self.range_m is not None:
            return self.range_m
        return (0.0, 0.0, 0.0) if self.source is HeadSource.FIXED else TRACKED_REACH_M
