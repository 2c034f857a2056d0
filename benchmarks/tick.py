"""Where a tick's 50 ms go: 20 TrafficManager vehicles, three screens' cameras at 640x360, the policy's camera.

Run `python benchmarks/tick.py [--seconds N] [--policy/--no-policy]`. Two drives of the same route on the embedded
simulator, in real time: one without rendering (black pictures: what transport alone costs) and one with. Printed are
wall times of each part in milliseconds, the CPU time each process spends on a tick (which hardly depends on other
load of the machine), and by how much 20 Hz is held or missed.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import psutil

from cockpit.assets import asset
from cockpit.config import SessionConfig, TrafficConfig
from cockpit.rig.camera_spec import CameraSpec
from cockpit.rig.rig import load_rig
from cockpit.route.files import read_route, shipped_routes
from cockpit.session.loop import Session
from cockpit.session.setup import set_stage
from cockpit.world.simulator import launch_simulator
from policy.expert.expert import Expert
from policy.serving.process import PolicyProcess
from policy.vla.small import make_checkpoint
from recorder.schema import DriverInput, DriverKind, Tick
from recorder.writing.writer import SegmentRecorder
from refine.driving import policy_cameras

VEHICLES = 20
SIZE_PX = (640, 360)
WARM_UP_TICKS = 20
PARTS = {
    "driver": "driver's input (the expert here)",
    "policy": "policy: take the plan, track it",
    "arbitration": "arbitration",
    "world": "server's step: call to snapshot",
    "reading": "reading states, route, hazards",
    "pictures": "cameras: wait, transport, colours",
    "offer": "policy: offer the tick",
    "consumers": "consumers: recorder's queue",
    "busy": "the whole tick",
}


@dataclass(frozen=True)
class Drive:
    """What was measured on one drive."""

    times_ms: dict[str, np.ndarray]
    cpu_ms: dict[str, float]
    """CPU time a tick, by process."""
    achieved_hz: float
    late_share: float
    worst_late_ms: float


class ExpertDriver:
    """The expert at the wheel, so that the drive does not depend on how well the policy drives."""

    def __init__(self) -> None:
        self._expert = Expert()

    def read(self, tick: Tick | None) -> DriverInput:
        if tick is None:
            return DriverInput()
        control = self._expert.control(tick)
        return DriverInput(DriverKind.EXPERT, steer=control.steer, throttle=control.throttle, brake=control.brake)

    def close(self) -> None:
        pass


def screen_cameras() -> list[CameraSpec]:
    width, height = SIZE_PX
    return [replace(camera, width=width, height=height) for camera in load_rig("desk_triple").cameras()]


@contextmanager
def policy_folder() -> Iterator[Path]:
    """The shipped checkpoint; where there is none, an untrained one of the same size and speed."""
    shipped = asset("policies", "small")
    if shipped.is_dir():
        yield shipped
        return
    with tempfile.TemporaryDirectory() as folder:
        yield make_checkpoint(Path(folder) / "untrained")


def drive(seconds: float, rendering: bool, folder: Path | None) -> Drive:
    cameras = [*screen_cameras(), *(policy_cameras(folder) if folder is not None else ())]
    policy = PolicyProcess(folder) if folder is not None else None
    try:
        with launch_simulator(rendering=rendering) as simulator, tempfile.TemporaryDirectory() as scratch:
            if policy is not None:
                policy.wait_ready()
            config = SessionConfig(port=simulator.port, traffic=TrafficConfig(count=VEHICLES), realtime=True)
            with set_stage(config, cameras, read_route(shipped_routes("millbrook_train"))) as stage:
                recorder = SegmentRecorder(Path(scratch) / "session", stage.info())
                session = Session(config, stage.world, stage.route, policy, ExpertDriver(), [recorder])
                processes = {"session": psutil.Process(os.getpid()), "simulator": psutil.Process(simulator.process.pid)}
                if policy is not None:
                    processes["policy"] = psutil.Process(policy.pid)
                try:
                    return measured(session, seconds, processes)
                finally:
                    session.close()
    finally:
        if policy is not None:
            policy.close()


def measured(session: Session, seconds: float, processes: dict[str, psutil.Process]) -> Drive:
    for _ in range(WARM_UP_TICKS):
        session.step()
    rows: list[dict[str, float]] = []
    spent = cpu_by_process(processes)
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds and session.end_reason() is None:
        session.step()
        times = asdict(session.times)
        times["busy"] = sum(value for name, value in times.items() if name != "spare")
        rows.append(times)
    wall_s = time.perf_counter() - begun
    cpu = {name: 1e3 * (total_s - spent[name]) / len(rows) for name, total_s in cpu_by_process(processes).items()}
    columns = {name: 1e3 * np.array([row[name] for row in rows]) for name in (*PARTS, "spare")}
    late = -columns["spare"]
    return Drive(columns, cpu, len(rows) / wall_s, float((late > 1.0).mean()), float(max(late.max(), 0.0)))


def cpu_by_process(processes: dict[str, psutil.Process]) -> dict[str, float]:
    """Seconds by name. The session's children have rows of their own, or are not counted."""
    return {name: own_cpu_s(one) if name == "session" else cpu_s(one) for name, one in processes.items()}


def own_cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def cpu_s(process: psutil.Process) -> float:
    """CPU time of a process and of those that it has started, such as the simulator's that draws."""
    every = [process, *process.children(recursive=True)]
    return sum(own_cpu_s(one) for one in every)


def print_drive(title: str, drive_: Drive) -> None:
    print(f"\n{title}")
    print(f"  {'part, ms of wall time':36} {'median':>8} {'p95':>8} {'max':>8}")
    for name, text in PARTS.items():
        column = drive_.times_ms[name]
        print(f"  {text:36} {np.median(column):8.2f} {np.percentile(column, 95):8.2f} {column.max():8.2f}")
    print("  CPU time a tick: " + ", ".join(f"{name} {value:.1f} ms" for name, value in drive_.cpu_ms.items()))


def print_verdict(drive_: Drive, black: Drive, step_s: float) -> None:
    target_hz = 1.0 / step_s
    drawing = np.median(drive_.times_ms["pictures"]) - np.median(black.times_ms["pictures"])
    total_ms = sum(drive_.cpu_ms.values())
    print(f"\nrendering: about {drawing:.1f} ms of the waiting for cameras (median, against black pictures)")
    share = total_ms / (2e3 * step_s)
    print(f"CPU: {total_ms:.1f} ms a tick in all, {100 * share:.0f} % of two cores at {target_hz:g} Hz")
    word = "held" if drive_.achieved_hz >= 0.99 * target_hz else "missed"
    print(
        f"{target_hz:g} Hz {word}: {drive_.achieved_hz:.2f} Hz achieved, {100 * drive_.late_share:.0f} % of the ticks "
        f"late by more than 1 ms, the worst by {drive_.worst_late_ms:.0f} ms"
    )
    others = psutil.getloadavg()[0]
    print(f"machine: {psutil.cpu_count()} cores, load average {others:.1f} (anything above 2 is other programs)")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each drive (wall time)")
    parser.add_argument(
        "--policy", action=argparse.BooleanOptionalAction, default=True, help="run the small VLA beside"
    )
    arguments = parser.parse_args()
    with policy_folder() as shipped:
        folder = shipped if arguments.policy else None
        black = drive(arguments.seconds, False, folder)
        full = drive(arguments.seconds, True, folder)
    print_drive("without rendering", black)
    print_drive("with rendering", full)
    print_verdict(full, black, SessionConfig().fixed_delta_s)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    main()
