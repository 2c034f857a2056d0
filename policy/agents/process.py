"""A leaderboard agent in its own process, as a policy of the session.

Fits `cockpit.session.ports.PolicyDriver` and `SensesItself`: the agent connects to the server by itself and puts its
own sensors on the session's ego, the session alone ticks. Each offered tick asks for one `run_step`. The agent's
control is what is applied and recorded; a path is recorded only where the agent exposes one (docs/policies.md).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from policy.agents.source import AgentError, AgentSource
from policy.serving.process import PolicyWorker
from policy.serving.wire import WireError
from recorder.schema import ActorState, Control, Plan, Pose, RouteCommand, RouteState, Tick

RUNNER = Path(__file__).parent / "runner" / "__main__.py"
LEAVE_TIMEOUT_S = 15.0
"""How long the agent may take to destroy its sensors; its process is ended after that."""
MOST_OUTPUT_BYTES = 4_000_000
"""What the agent printed is thrown away beyond this: some print in every step."""
KEPT_CONTROLS = 16


class AgentProcess(PolicyWorker):
    """A leaderboard agent in a process of its own. Starting returns at once."""

    def __init__(self, source: AgentSource, hang_after_s: float = 20.0, load_timeout_s: float = 300.0) -> None:
        """Start the agent's interpreter and import its file.

        A step that takes `hang_after_s`, or an import or `setup` that takes `load_timeout_s`, counts as a hang.
        """
        self._controls: dict[int, Control] = {}
        """By frame: those of the newest plans."""
        self._is_failing = False
        self._stage_answer: dict[str, Any] | None = None
        """To the last `enter` or `leave`."""
        self._has_entered = False
        self.source = source
        config = "" if source.config is None else str(source.config)
        command = [source.python, str(RUNNER), "--agent", str(source.file), "--config", config]
        super().__init__([*command, "--parent", str(os.getpid())], os.environ, hang_after_s, load_timeout_s)

    def enter(self, host: str, port: int, ego_id: int, route: Sequence[tuple[Pose, RouteCommand]]) -> None:
        """Make a new agent, give it `route` (1 m steps) and let it set up and attach its sensors to the ego.

        Raises:
            AgentError: the agent failed, asks for what there is not, or did not finish; the message says why.

        """
        with self._changed:
            self._plan, self._waiting, self._in_work, self._answered_frame = None, None, None, -1
            self._controls.clear()
            self._is_failing, self._last_error = False, ""
        self.wait_ready()
        self._has_entered = True
        points = [(pose.x, pose.y, pose.z, pose.yaw, command.value) for pose, command in route]
        place = {"host": host, "port": port, "ego_id": ego_id, "route": points}
        answer = self._ask({"kind": "enter", **place}, self._load_timeout_s)
        if answer is None:
            why = self.status().message or f"it was not set up after {self._load_timeout_s:.0f} s"
            raise AgentError(f"agent {self.source.name} cannot drive: {why}")
        if answer["kind"] == "refused":
            raise AgentError(f"agent {self.source.name} cannot drive: {answer['message']}")

    def leave(self) -> None:
        """Let the agent destroy its sensors and itself; one that does not is ended. Safe to call twice."""
        if not self._has_entered:
            return
        self._has_entered = False
        if self._ask({"kind": "leave"}, LEAVE_TIMEOUT_S) is None and not self._ended:
            self._protocol_error = f"the agent did not end its drive within {LEAVE_TIMEOUT_S:.0f} s and was ended"
            self._process.kill()

    def control(
        self,
        plan: Plan,
        ego_at_plan: ActorState,  # noqa: ARG002 - the agent steers by itself
        ego: ActorState,  # noqa: ARG002
        time_s: float,  # noqa: ARG002
        route: RouteState,  # noqa: ARG002
    ) -> Control:
        """The control that `run_step` returned for the plan's frame, held until the next."""
        return self._controls[plan.frame]

    def close(self) -> None:
        """End the drive and the process; safe to call twice."""
        self.leave()
        super().close()

    def _ask(self, message: dict[str, Any], timeout_s: float) -> dict[str, Any] | None:
        """Say something about the drive and wait for the answer; None when there is none."""
        stream: Any = self._process.stdin
        with self._changed:
            self._stage_answer = None
        try:
            _write_line(stream, message)
        except (OSError, ValueError):  # the process has ended; ValueError: its input is closed already
            return None
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._stage_answer is not None, timeout_s)
            return self._stage_answer

    def _trouble(self) -> str:
        return super()._trouble() or (self._last_error if self._is_failing else "")

    def _write_frame(self, stream: BinaryIO, tick: Tick) -> None:
        speed_mps = forward_speed_mps(tick.ego)
        place = {"frame": tick.frame, "time_s": tick.time_s, "delta_s": tick.delta_s, "speed_mps": speed_mps}
        _write_line(stream, {"kind": "frame", **place})

    def _read_answer(self, stream: BinaryIO) -> dict[str, Any] | None:
        line = stream.readline()
        if not line.endswith(b"\n"):
            return None
        answer = json.loads(line)
        if not isinstance(answer, dict) or "kind" not in answer:
            raise WireError(f"{line[:80]!r} is not an answer")
        return answer

    def _handle(self, header: dict[str, Any]) -> None:
        if header["kind"] in ("entered", "refused", "left"):
            self._stage_answer = header
            return
        super()._handle(header)
        self._is_failing = header["kind"] == "error"
        if os.fstat(self._stderr.fileno()).st_size > MOST_OUTPUT_BYTES:
            os.ftruncate(self._stderr.fileno(), 0)

    def _plan_of(self, header: dict[str, Any]) -> Plan:
        frame = header["frame"]
        self._controls[frame] = Control(**header["control"])
        for old in list(self._controls)[:-KEPT_CONTROLS]:
            del self._controls[old]
        exposed = header["plan"] or {}
        return Plan(
            frame=frame,
            time_s=header["time_s"],
            direction=None,
            speed=None,
            tokens=(),
            trajectory_ego=np.array(exposed.get("waypoints", []), np.float32).reshape(-1, 3),
            text=exposed.get("text", ""),
            latency_s=header["latency_s"],
            step_s=exposed.get("step_s", 0.5),
        )


def forward_speed_mps(ego: ActorState) -> float:
    """What the leaderboard's speedometer shows: the velocity along the car's nose, hills included."""
    pitch, yaw = ego.pose.pitch, ego.pose.yaw
    nose = (math.cos(pitch) * math.cos(yaw), math.cos(pitch) * math.sin(yaw), math.sin(pitch))
    return math.fsum(part * axis for part, axis in zip(ego.velocity_mps, nose, strict=True))


def _write_line(stream: BinaryIO, message: dict[str, Any]) -> None:
    stream.write(json.dumps(message).encode() + b"\n")
    stream.flush()
