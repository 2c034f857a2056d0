"""The RPC calls about CARLA's recorder and replayer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.calls.maps import load_episode, map_info
from sim.calls.table import Context, call
from sim.protocol.forms import finite, pose_from_wire
from sim.protocol.rpc import ReplyShape, RpcError
from sim.recording import report as record_report
from sim.recording.format import RecordError
from sim.recording.recorder import Recorder, recording_path
from sim.recording.replayer import Playback, Replayer


@call("start_recorder")
def start_recorder(context: Context, name: str, additional_data: bool = False, *_: Any) -> str:
    """Record from now on; gives the file's path."""
    path = recording_path(str(name))
    try:
        recorder = Recorder(path, map_info(context)[0], bool(additional_data))
    except OSError as error:
        raise RpcError(f"cannot write {path}: {error.strerror}") from None
    context.simulator.recordings.record(recorder)
    return _told(context, str(path))


@call("stop_recorder", ReplyShape.VOID)
def stop_recorder(context: Context) -> None:
    """End the recording, if there is one; RpcError when it had ended before its time (as on a full disk).

    The client library does not read this call's answer: `start_recorder` and the reports say so once more.
    """
    context.simulator.recordings.stop_recording()
    if context.simulator.recordings.trouble:
        raise RpcError(context.simulator.recordings.trouble)


def _told(context: Context, text: str) -> str:
    """The answer to a call about recordings, and, once, what has ended the last one before its time."""
    recordings = context.simulator.recordings
    trouble, recordings.trouble = recordings.trouble, ""
    return f"{text.rstrip()}\n{trouble}\n" if trouble else text


@call("show_recorder_file_info")
def show_file_info(context: Context, name: str, show_all: bool = False) -> str:
    """What is in a recording."""
    return _report(context, lambda path: record_report.file_info(path, bool(show_all)), name)


@call("show_recorder_actors_blocked")
def show_blocked(context: Context, name: str, min_time: float, min_distance: float) -> str:
    """Actors that stood still for long."""
    return _report(context, lambda path: record_report.actors_blocked(path, *finite(min_time, min_distance)), name)


@call("show_recorder_collisions")
def show_collisions(context: Context, name: str, first: Any, second: Any) -> str:
    """Collisions between two kinds of actors; a kind is a letter, on the wire its number."""
    kinds = [chr(kind) if isinstance(kind, int) else str(kind) for kind in (first, second)]
    return _report(context, lambda path: record_report.collisions(path, *kinds), name)


@call("replay_file")
def replay(context: Context, name: str, start_s: float, duration_s: float, follow_id: int, *rest: Any) -> str:
    """Play a recording, on its own map; gives a few lines about it."""
    path = recording_path(str(name))
    sensors = bool(rest[0]) if rest else False
    offset = next((pose_from_wire(part) for part in rest if isinstance(part, list)), Playback().offset)
    start, duration = finite(start_s, duration_s)
    playback = replace(
        context.playback,
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
    if replayer.header.map_name.rsplit("/", 1)[-1] != map_info(context)[0].rsplit("/", 1)[-1]:
        lines.append(f"Loading map {replayer.header.map_name}")
        load_episode(context, replayer.header.map_name)
        # The client stays in its old episode until a snapshot tells it of the new one.
        context.simulator.release_world_streams()
    try:
        context.simulator.recordings.play(replayer, context.world)
    except RecordError as error:
        raise RpcError(f"{path}: {error}") from None
    return "\n".join([*lines, *_summary(replayer)]) + "\n"


@call("stop_replayer", ReplyShape.VOID)
def stop_replayer(context: Context, keep_actors: bool = True) -> None:
    """End the playback, if there is one."""
    context.simulator.recordings.stop_playing(context.world, bool(keep_actors))


@call("set_replayer_ignore_hero", ReplyShape.VOID)
def ignore_hero(context: Context, ignore: bool) -> None:
    """Whether recordings are played without their hero vehicles."""
    _set(context, ignore_hero=bool(ignore))


@call("set_replayer_ignore_spectator", ReplyShape.VOID)
def ignore_spectator(context: Context, ignore: bool) -> None:
    """Whether recordings are played without moving the spectator."""
    _set(context, ignore_spectator=bool(ignore))


@call("set_replayer_time_factor", ReplyShape.VOID)
def set_time_factor(context: Context, factor: float) -> None:
    """How fast recordings are played; also the one that plays now."""
    (speed,) = finite(factor)
    if speed <= 0.0:
        raise ValueError(f"the time factor must be positive, it is {speed}")
    _set(context, time_factor=speed)
    if context.simulator.recordings.replayer is not None:
        context.simulator.recordings.replayer.time_factor = speed


def _set(context: Context, **changes: Any) -> None:
    context.playback = replace(context.playback, **changes)


def _summary(replayer: Replayer) -> list[str]:
    playback = replayer.playback
    span = f"{replayer.start_s:g} s - {replayer.end_s:g} s ({replayer.total_s:g} s)"
    lines = [f"Total time recorded: {replayer.total_s:g}", f"Replaying from {span} at {playback.time_factor:.1f}x"]
    lines += ["Ignoring Hero vehicle"] if playback.ignore_hero else []
    return lines + (["Ignoring Spectator camera"] if playback.ignore_spectator else [])


def _report(context: Context, make: Callable[[Path], str], name: str) -> str:
    """A report, or in its place what is wrong with the file: CARLA too answers with words, not with an error."""
    try:
        return _told(context, make(recording_path(str(name))))
    except RecordError as error:
        return _told(context, f"{error}\n")
