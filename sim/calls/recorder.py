"""The RPC calls about CARLA's recorder and replayer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.protocol.forms import finite, pose_from_wire
from sim.protocol.rpc import Method, ReplyShape, RpcError
from sim.recording import report as record_report
from sim.recording.format import RecordError
from sim.recording.recorder import Recorder, recording_path
from sim.recording.replayer import Playback, Replayer
from sim.simulator.simulator import Simulator


class RecorderCalls:
    """Handlers of the recorder's calls."""

    def __init__(self, simulator: Simulator, map_name: Callable[[], str], load_map: Callable[[str], None]) -> None:
        """`map_name` gives the present map's name for clients, `load_map` starts an episode on one by name."""
        self.simulator = simulator
        self._map_name = map_name
        self._load_map = load_map
        self._playback = Playback()

    def methods(self) -> dict[str, Method]:
        """The calls by name."""
        values: dict[str, Callable[..., Any]] = {
            "start_recorder": self.start_recorder,
            "show_recorder_file_info": lambda name, show_all=False: _report(
                lambda path: record_report.file_info(path, bool(show_all)), name
            ),
            "show_recorder_collisions": self.show_collisions,
            "show_recorder_actors_blocked": lambda name, min_time, min_distance: _report(
                lambda path: record_report.actors_blocked(path, *finite(min_time, min_distance)), name
            ),
            "replay_file": self.replay,
        }
        voids: dict[str, Callable[..., Any]] = {
            "stop_recorder": self.simulator.stop_recorder,
            "stop_replayer": lambda keep_actors=True: self.simulator.stop_replayer(bool(keep_actors)),
            "set_replayer_time_factor": self.set_time_factor,
            "set_replayer_ignore_hero": lambda ignore: self._set(ignore_hero=bool(ignore)),
            "set_replayer_ignore_spectator": lambda ignore: self._set(ignore_spectator=bool(ignore)),
        }
        table = {name: Method(ReplyShape.VALUE, handler) for name, handler in values.items()}
        return table | {name: Method(ReplyShape.VOID, handler) for name, handler in voids.items()}

    def start_recorder(self, name: str, additional_data: bool = False, *_: Any) -> str:
        """Record from now on; gives the file's path."""
        path = recording_path(str(name))
        try:
            recorder = Recorder(path, self._map_name(), bool(additional_data))
        except OSError as error:
            raise RpcError(f"cannot write {path}: {error.strerror}") from None
        self.simulator.start_recorder(recorder)
        return str(path)

    def show_collisions(self, name: str, first: Any, second: Any) -> str:
        """Collisions between two kinds of actors; a kind is a letter, on the wire its number."""
        kinds = [chr(kind) if isinstance(kind, int) else str(kind) for kind in (first, second)]
        return _report(lambda path: record_report.collisions(path, *kinds), name)

    def replay(self, name: str, start_s: float, duration_s: float, follow_id: int, *rest: Any) -> str:
        """Play a recording, on its own map; gives a few lines about it."""
        path = recording_path(str(name))
        sensors = bool(rest[0]) if rest else False
        offset = next((pose_from_wire(part) for part in rest if isinstance(part, list)), Playback().offset)
        start, duration = finite(start_s, duration_s)
        playback = replace(
            self._playback,
            start_s=start,
            duration_s=duration,
            follow_id=int(follow_id),
            with_sensors=sensors,
            offset=offset,
        )
        try:
            replayer = Replayer(path, playback)
        except OSError as error:
            raise RpcError(f"File {path} not found on server ({error.strerror})") from None
        except RecordError as error:
            raise RpcError(f"{path}: {error}") from None
        lines = [f"Replaying File: {path}"]
        if replayer.header.map_name.rsplit("/", 1)[-1] != self._map_name().rsplit("/", 1)[-1]:
            lines.append(f"Loading map {replayer.header.map_name}")
            self._load_map(replayer.header.map_name)
        self.simulator.start_replayer(replayer)
        return "\n".join([*lines, *_summary(replayer)]) + "\n"

    def set_time_factor(self, factor: float) -> None:
        """How fast recordings are played; also the one that plays now."""
        (speed,) = finite(factor)
        if speed <= 0.0:
            raise ValueError(f"the time factor must be positive, it is {speed}")
        self._set(time_factor=speed)
        if self.simulator.replayer is not None:
            self.simulator.replayer.time_factor = speed

    def _set(self, **changes: Any) -> None:
        self._playback = replace(self._playback, **changes)


def _summary(replayer: Replayer) -> list[str]:
    playback = replayer.playback
    span = f"{replayer.start_s:g} s - {replayer.end_s:g} s ({replayer.total_s:g} s)"
    lines = [f"Total time recorded: {replayer.total_s:g}", f"Replaying from {span} at {playback.time_factor:.1f}x"]
    lines += ["Ignoring Hero vehicle"] if playback.ignore_hero else []
    return lines + (["Ignoring Spectator camera"] if playback.ignore_spectator else [])


def _report(make: Callable[[Path], str], name: str) -> str:
    """A report, or in its place what is wrong with the file: CARLA too answers with words, not with an error."""
    try:
        return make(recording_path(str(name)))
    except RecordError as error:
        return f"{error}\n"
