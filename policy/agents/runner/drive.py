"""One drive of one agent: made, set up and given its route and sensors as `leaderboard_evaluator.py` does it.

A new agent is made for every drive. The world is ticked by the session; here it is only listened to.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import carla
import numpy as np

from .route import global_plan
from .scenario_runner import ScenarioRunnerData
from .sensors import DriveError, SensorSuite

log = logging.getLogger(__name__)
CALL_S = 20.0
"""How long a call to the server may take."""
SNAPSHOT_S = 10.0
"""How long to wait for this process's own snapshot of a frame."""
PLAN_STEP_S = 0.5
"""Time between the waypoints of `takeover_plan` where it does not say."""


def load_agent(file: str) -> type:
    """The class that the agent's file names; its folder is put on the search path, as the leaderboard does.

    Raises ImportError for a package that is not there, DriveError for a file that names no class.
    """
    importlib.import_module("leaderboard.autoagents.autonomous_agent")
    path = Path(file)
    sys.path.insert(0, str(path.parent))
    module = importlib.import_module(path.stem)
    name = module.get_entry_point()
    if not hasattr(module, name):
        raise DriveError(f"{file}: get_entry_point() names '{name}', which is not in the file")
    return getattr(module, name)


class Drive:
    """An agent with its sensors on the session's ego, until `close`."""

    def __init__(self, agent_class: type, config: str, message: dict[str, Any]) -> None:
        """Connect, make and set up the agent, attach its sensors. Raises whatever the agent raises."""
        host, port = message["host"], message["port"]
        client = carla.Client(host, port)
        client.set_timeout(CALL_S)
        self._world = client.get_world()
        ego = self._world.get_actor(message["ego_id"])
        if ego is None:
            raise DriveError(f"the ego (actor {message['ego_id']}) is not on the server at {host}:{port}")
        self._first_s: float | None = None
        self._sensors: SensorSuite | None = None
        self._agent: Any = None
        gps, plan = global_plan(message["route"], self._world.get_map().to_opendrive())
        self._scenario_runner = ScenarioRunnerData(client, self._world, ego, plan)
        try:
            self._agent = agent_class(host, port, False)
            self._agent.set_global_plan(gps, plan)
            self._agent.setup(config)
            self._sensors = SensorSuite(self._world, ego, self._agent.sensors())
        except BaseException:
            self.close()
            raise

    def step(self, message: dict[str, Any]) -> dict[str, Any]:
        """The agent's control for one frame, and what it planned where it exposes it, as JSON values.

        Raises:
            DriveError: a sensor sent nothing, or the agent returned no control.
            Whatever the agent raises.

        """
        assert self._sensors is not None  # noqa: S101  set by __init__
        frame, time_s = message["frame"], message["time_s"]
        data = self._sensors.data_of(frame, message["speed_mps"])
        self._await_snapshot(frame)
        self._scenario_runner.tick(self._world.get_snapshot().timestamp)
        first_s = self._first_s = time_s if self._first_s is None else self._first_s
        control = self._agent.run_step(data, message["delta_s"] + time_s - first_s)
        return {"control": _control_values(control), "plan": _exposed_plan(self._agent)}

    def close(self) -> None:
        """Destroy the sensors and the agent; safe to call twice, and when the server is gone."""
        sensors, self._sensors = self._sensors, None
        if sensors is not None:
            sensors.close()
        agent, self._agent = self._agent, None
        if agent is not None:
            try:
                agent.destroy()
            except Exception:
                log.exception("the agent's destroy() failed")
        with contextlib.suppress(RuntimeError):
            self._scenario_runner.close()

    def _await_snapshot(self, frame: int) -> None:
        until = time.monotonic() + SNAPSHOT_S
        while self._world.get_snapshot().frame < frame:
            if time.monotonic() > until:
                raise DriveError(f"no snapshot of frame {frame} within {SNAPSHOT_S:.0f} s")
            time.sleep(0.001)


def reason_of(error: BaseException) -> str:
    """An exception in one line, with where it was raised."""
    if isinstance(error, DriveError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"


def _control_values(control: Any) -> dict[str, Any]:
    try:
        return {
            "throttle": float(control.throttle),
            "steer": float(control.steer),
            "brake": float(control.brake),
            "hand_brake": bool(control.hand_brake),
            "reverse": bool(control.reverse),
        }
    except AttributeError:
        kind = type(control).__name__
        raise DriveError(f"run_step returned a {kind} instead of a carla.VehicleControl") from None


def _exposed_plan(agent: Any) -> dict[str, Any] | None:
    """The agent's attribute `takeover_plan`, checked; None where it has none."""
    given = getattr(agent, "takeover_plan", None)
    if given is None:
        return None
    try:
        points = np.asarray(given["waypoints"], dtype=np.float64)
        step_s, text = float(given.get("step_s", PLAN_STEP_S)), str(given.get("text", ""))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DriveError(f"takeover_plan is not as docs/policies.md says: {type(error).__name__}: {error}") from error
    if points.ndim != 2 or points.shape[1] not in (2, 3) or not len(points) or not np.isfinite(points).all():
        raise DriveError(f"takeover_plan['waypoints'] is of shape {points.shape}; (T, 2 or 3) of numbers is needed")
    if points.shape[1] == 2:
        points = np.column_stack((points, headings(points)))
    return {"waypoints": points.tolist(), "step_s": step_s, "text": text}


def headings(points: Sequence[Any] | np.ndarray) -> np.ndarray:
    """The yaw (rad) at each of (T, 2) points on a path from the origin: that of the leg which leads to it."""
    legs = np.diff(np.asarray(points, dtype=np.float64), axis=0, prepend=np.zeros((1, 2)))
    yaws, last = [], 0.0
    for x, y in legs:
        last = math.atan2(y, x) if math.hypot(x, y) > 0.05 else last  # standing has no direction
        yaws.append(last)
    return np.array(yaws)
