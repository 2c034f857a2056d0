"""What each dialect needs of a policy's settings: cameras, pictures, codes and time; known without loading a model."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recorder.schema import POLICY_CAMERA

if TYPE_CHECKING:
    from policy.vla.checkpoint import PolicySettings

LEFT_CAMERA, RIGHT_CAMERA = "policy_left", "policy_right"


class DialectName(enum.StrEnum):
    """The dialects by the names that `policy.json` has for them."""

    TAKEOVER = "takeover"
    AUTOVLA = "autovla"
    COREVLA = "corevla"


@dataclass(frozen=True)
class Needs:
    """A dialect's own settings, with which `takeover policy init` begins, and which of them may not be changed."""

    settings: Mapping[str, Any]
    """Fields of `PolicySettings`."""
    fixed: tuple[str, ...] = ()
    """Fields that its question or its answer rests on, e.g. `history.pictures`."""
    cameras: tuple[str, ...] = (POLICY_CAMERA,)
    """Names that must be there."""
    other_cameras: bool = True
    """Whether there may be more."""
    families: tuple[str, ...] = field(default=("qwen2_5_vl", "qwen3_vl"))
    """Model types (`config.json`) that speak it."""


_WIDE = {"width": 1600, "height": 900, "fov_deg": 70.0, "z": 1.6, "pitch_deg": 0.0}
"""The lens of Bench2Drive's cameras, with which AutoVLA and CoReVLA are driven in CARLA."""
NEEDS: Mapping[DialectName, Needs] = {
    DialectName.TAKEOVER: Needs({}),
    DialectName.AUTOVLA: Needs(
        {
            "cameras": {
                POLICY_CAMERA: {**_WIDE, "x": 0.8},
                LEFT_CAMERA: {**_WIDE, "x": 0.27, "y": -0.55, "yaw_deg": -55.0},
                RIGHT_CAMERA: {**_WIDE, "x": 0.27, "y": 0.55, "yaw_deg": 55.0},
            },
            "history": {"pictures": 4, "step_s": 0.5},
            "target_distances_m": (),
            "horizon": 10,
            "step_s": 0.5,
            "reasoning_tokens": 400,
        },
        fixed=("history.pictures", "history.step_s", "horizon", "step_s"),
        cameras=(POLICY_CAMERA, LEFT_CAMERA, RIGHT_CAMERA),
        other_cameras=False,
        families=("qwen2_5_vl",),
    ),
    DialectName.COREVLA: Needs(
        {
            "cameras": {POLICY_CAMERA: {**_WIDE, "x": 0.8}},
            "target_distances_m": tuple(float(distance) for distance in (0, 2, 4, 6, *range(8, 64, 4))),
            "horizon": 6,
            "step_s": 0.5,
            "reasoning_tokens": 256,
        },
        fixed=("history.pictures",),
        other_cameras=False,
    ),
}
MOST_TARGET_GAP_M = 10.0
"""The controller of the two keys follows the route by its target points, which may lie no further apart."""


def dialect_problem(settings: PolicySettings, family: str) -> str:
    """What of these settings the dialect cannot be spoken with by a model of this type; empty when all is well."""
    name, needs = settings.dialect, NEEDS[settings.dialect]
    if family not in needs.families:
        return f"the dialect '{name}' is spoken by {' or '.join(needs.families)}, its model is a {family}"
    if missing := [camera for camera in needs.cameras if camera not in settings.cameras]:
        return f"the dialect '{name}' shows the cameras {', '.join(needs.cameras)}: {', '.join(missing)} is missing"
    if not needs.other_cameras and len(settings.cameras) > len(needs.cameras):
        return f"the dialect '{name}' shows the cameras {', '.join(needs.cameras)} and no others"
    for key in needs.fixed:
        found, wanted = _value(settings, key), _default(needs.settings, key)
        if found != wanted:
            return f"the dialect '{name}' has {key} {wanted}, not {found}"
    return _route_problem(settings) if name is DialectName.COREVLA else ""


def _route_problem(settings: PolicySettings) -> str:
    distances = settings.target_distances_m
    gaps = [after - before for before, after in itertools.pairwise(distances)]
    if len(distances) < 2 or distances[0] != 0.0 or min(gaps) <= 0.0 or max(gaps) > MOST_TARGET_GAP_M:
        return (
            f"the dialect '{settings.dialect}' is driven along the route's target points: target_distances_m must "
            f"begin at 0 and grow by at most {MOST_TARGET_GAP_M:g} m"
        )
    return ""


def _value(settings: PolicySettings, key: str) -> Any:
    found: Any = settings
    for part in key.split("."):
        found = getattr(found, part)
    return found


def _default(settings: Mapping[str, Any], key: str) -> Any:
    found: Any = settings
    for part in key.split("."):
        found = found.get(part, {} if part == "history" else None)
    return 1 if key == "history.pictures" and found is None else found
