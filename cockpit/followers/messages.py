"""The messages between the hub and its followers: one JSON object a line, over TCP.

From the hub: `rig` (once: what to show and where the world is), `tick`, `eye`, `release`, `paused`, `refused`, `end`.
From a follower: `join` (its machine's name), `cameras` (ids of the actors it spawned), `ready`, `shown`. A tick's
pictures are not sent: the follower has its own from the CARLA server. Nothing is unpickled.
"""

from __future__ import annotations

import base64
import enum
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cockpit.config import ConfigError
from cockpit.rig.rig import Rig
from recorder.schema import (
    ActorState,
    Authority,
    AuthorityState,
    CameraFrame,
    Control,
    Direction,
    DriverInput,
    DriverKind,
    Plan,
    Pose,
    Reason,
    RouteCommand,
    RouteState,
    SpeedAction,
    Tick,
)

LONGEST_LINE = 16 * 1024 * 1024
"""A rig with its warp meshes is the longest message."""
VERSION = 1


class MessageError(ValueError):
    """The other side sent something that is not a message of this protocol."""


class Kind(enum.StrEnum):
    """What a message is about."""

    JOIN = "join"
    CAMERAS = "cameras"
    READY = "ready"
    SHOWN = "shown"
    RIG = "rig"
    TICK = "tick"
    EYE = "eye"
    RELEASE = "release"
    PAUSED = "paused"
    REFUSED = "refused"
    END = "end"


def line_from(kind: Kind, **content: Any) -> bytes:
    """A message as it goes over the wire."""
    return json.dumps({"kind": kind.value, **content}).encode() + b"\n"


def message_in(line: bytes) -> tuple[Kind, dict[str, Any]]:
    """Kind and content of a line.

    Raises:
        MessageError: it is not a message of this protocol.
    """
    try:
        content = json.loads(line)
        return Kind(content.pop("kind")), content
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise MessageError(f"{len(line)} bytes that are no message: {error}") from error


# --- ticks ----------------------------------------------------------------------------------------------------------


def content_of_tick(tick: Tick) -> dict[str, Any]:
    """What screens need of a tick, its pictures apart, as JSON values."""
    route, authority, ego = tick.route, tick.authority, tick.ego
    return {
        "frame": tick.frame,
        "time_s": tick.time_s,
        "wall_time_s": tick.wall_time_s,
        "delta_s": tick.delta_s,
        "ego": _content_of_ego(ego),
        "route": {
            "command": route.command.value,
            "distance_m": route.command_distance_m,
            "speed_limit_mps": route.speed_limit_mps,
        },
        "driver": tick.driver.kind.value,
        "control": asdict(tick.control),
        "authority": {
            "authority": authority.authority.value,
            "reason": authority.reason.value,
            "since_frame": authority.since_frame,
            "since_time_s": authority.since_time_s,
            "blend": authority.blend,
        },
        "plan": None if tick.plan is None else _content_of_plan(tick.plan),
        "ego_at_plan": None if tick.ego_at_plan is None else _content_of_ego(tick.ego_at_plan),
    }


def tick_from_content(content: Mapping[str, Any], cameras: Mapping[str, CameraFrame]) -> Tick:
    """A tick to show, with a follower's own pictures.

    Raises:
        MessageError: a field is missing or is not what it should be.
    """
    try:
        return _tick(content, cameras)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MessageError(f"a tick that cannot be read: {error!r}") from error


def ego_id_in(content: Mapping[str, Any]) -> int:
    """Actor id of the ego in a tick's content."""
    return int(content["ego"]["id"])


def ego_pose_in(content: Mapping[str, Any]) -> Pose:
    """Pose of the ego in a tick's content."""
    return Pose(**content["ego"]["pose"])


def _content_of_ego(ego: ActorState) -> dict[str, Any]:
    return {"id": ego.actor_id, "pose": asdict(ego.pose), "velocity_mps": list(ego.velocity_mps)}


def _ego(content: Mapping[str, Any]) -> ActorState:
    still = (0.0, 0.0, 0.0)
    vx, vy, vz = (float(value) for value in content["velocity_mps"])
    return ActorState(int(content["id"]), "", "hero", Pose(**content["pose"]), (vx, vy, vz), still, still, still)


def _content_of_plan(plan: Plan) -> dict[str, Any]:
    return {
        "frame": plan.frame,
        "time_s": plan.time_s,
        "direction": plan.direction,
        "speed": plan.speed,
        "trajectory_ego": plan.trajectory_ego.tolist(),
        "confidence": plan.confidence,
        "step_s": plan.step_s,
    }


def _tick(content: Mapping[str, Any], cameras: Mapping[str, CameraFrame]) -> Tick:
    route, authority, plan = (content[key] for key in ("route", "authority", "plan"))
    ego_at_plan = content.get("ego_at_plan")  # older hubs do not send it
    nowhere = np.zeros((1, 4), np.float32)
    return Tick(
        frame=int(content["frame"]),
        time_s=float(content["time_s"]),
        wall_time_s=float(content["wall_time_s"]),
        delta_s=float(content["delta_s"]),
        ego=_ego(content["ego"]),
        actors=(),
        lights=(),
        route=RouteState(
            RouteCommand(route["command"]), float(route["distance_m"]), 0.0, 0.0, 0.0, 0.0, nowhere,
            float(route["speed_limit_mps"]),
        ),
        cameras=cameras,
        driver=DriverInput(DriverKind(content["driver"])),  # no event time: it is another machine's clock
        plan=None if plan is None else _plan(plan),
        policy_control=None,
        control=Control(**content["control"]),
        authority=AuthorityState(
            Authority(authority["authority"]), Reason(authority["reason"]), int(authority["since_frame"]),
            float(authority["since_time_s"]), float(authority["blend"]),
        ),
        ego_at_plan=None if ego_at_plan is None else _ego(ego_at_plan),
    )  # fmt: skip


def _plan(content: Mapping[str, Any]) -> Plan:
    return Plan(
        frame=int(content["frame"]),
        time_s=float(content["time_s"]),
        direction=None if content["direction"] is None else Direction(content["direction"]),
        speed=None if content["speed"] is None else SpeedAction(content["speed"]),
        tokens=(),
        trajectory_ego=np.asarray(content["trajectory_ego"], np.float32).reshape(-1, 3),
        text="",
        confidence=float(content["confidence"]),
        step_s=float(content["step_s"]),
    )


# --- rigs -----------------------------------------------------------------------------------------------------------

_GIVEN_BY_EDGES = ("yaw_deg", "pitch_deg", "roll_deg", "size_m")


def content_of_rig(rig: Rig) -> dict[str, Any]:
    """A rig as JSON values, with its warp meshes in it: followers need no files."""
    content, meshes = rig.model_dump(mode="json"), {}
    for index, screen in enumerate(content["screens"]):
        if screen["edges_m"] is not None:
            for key in _GIVEN_BY_EDGES:
                del screen[key]
        if screen["warp"] is not None:
            name = f"mesh{index}{Path(screen['warp']).suffix}"
            meshes[name] = base64.b64encode(rig.mesh_path(screen["warp"]).read_bytes()).decode()
            screen["warp"] = name
    return {"rig": content, "meshes": meshes}


def rig_from_content(content: Mapping[str, Any], folder: Path) -> Rig:
    """The rig that the hub sent, its meshes written into `folder`.

    Raises:
        MessageError: it is none.
    """
    try:
        for name, text in content["meshes"].items():
            if Path(name).name != name:
                raise MessageError(f"a mesh called {name!r}")
            (folder / name).write_bytes(base64.b64decode(text))
        return Rig.model_validate(content["rig"], context={"folder": str(folder)})
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise MessageError(f"a rig that cannot be read: {error}") from error
