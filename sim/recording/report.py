"""What CARLA's `show_recorder_*` say about a recording, in CARLA's own tables, which scripts read."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

from sim.recording import format as record

_CATEGORIES = "ovwt"
"""Letters of the actor types: other, vehicle, walker, traffic light; besides them 'h' is a hero, 'a' is any."""


def _open(path: Path) -> tuple[str, Iterator[record.Frame]]:
    """The report's head and the frames; RecordError when the file is missing or no recording."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise record.RecordError(f"File {path} not found on server ({error.strerror})") from None
    header = record.read_header(file)
    date = time.strftime("%x %X", time.localtime(header.unix_time_s))
    head = f"Version: {record.VERSION}\nMap: {header.map_name}\nDate: {date}\n\n"

    def frames() -> Iterator[record.Frame]:
        with file:
            yield from record.read_frames(file)

    return head, frames()


def _foot(last: record.Frame) -> str:
    return f"\nFrames: {last.frame_id}\nDuration: {last.elapsed_s:g} seconds\n"


def file_info(path: Path, show_all: bool) -> str:
    """Events of every frame; with `show_all` everything else too."""
    head, frames = _open(path)
    lines, last = [head.rstrip("\n"), ""], record.Frame()
    for last in frames:
        rows = [*_events(last), *(_states(last) if show_all else ())]
        if rows or show_all:
            lines.append(f"Frame {last.frame_id} at {last.elapsed_s:g} seconds")
            lines += rows
    return "\n".join(lines) + "\n" + _foot(last)


def _events(frame: record.Frame) -> Iterator[str]:
    for added in frame.added:
        yield f" Create {added.actor_id}: {added.type_id} ({int(added.type)}) at {_triple(added.location_cm)}"
        yield from (f"  {name} = {value}" for _, name, value in added.attributes)
    yield from (f" Destroy {actor_id}" for actor_id in frame.removed)
    yield from (f" Parenting {child} with {parent} (parent)" for child, parent in frame.parents)
    for c in frame.collisions:
        heroes = [" (hero) " if hero else "" for hero in (c.first_is_hero, c.second_is_hero)]
        yield f" Collision id {c.collision_id} between {c.first_id}{heroes[0]} with {c.second_id}{heroes[1]}"


def _states(frame: record.Frame) -> Iterator[str]:
    yield f" Positions: {len(frame.positions)}"
    for actor_id, place, turn in frame.positions:
        yield f"  Id: {actor_id} Location: {_triple(place)} Rotation: {_triple(turn)}"
    yield f" State traffic lights: {len(frame.lights)}"
    for light in frame.lights:
        frozen = f"frozen: {int(light.frozen)} elapsedTime: {light.elapsed_s:g}"
        yield f"  Id: {light.actor_id} state: {light.state} {frozen}"
    yield f" Vehicle animations: {len(frame.vehicles)}"
    for v in frame.vehicles:
        yield (
            f"  Id: {v.actor_id} Steering: {v.steer:g} Throttle: {v.throttle:g} Brake: {v.brake:g} "
            f"Handbrake: {int(v.hand_brake)} Gear: {v.gear}"
        )
    yield f" Walker animations: {len(frame.walkers)}"
    yield from (f"  Id: {actor_id} speed: {speed:g}" for actor_id, speed in frame.walkers)
    for actor_id, velocity, turning in frame.kinematics:
        yield f"  Id: {actor_id} linear_velocity: {_triple(velocity)} angular_velocity: {_triple(turning)}"
    for actor_id, centre, half in frame.boxes:
        yield f"  Id: {actor_id} origin: {_triple(centre)} extension: {_triple(half)}"
    if frame.platform_time_s is not None:
        yield f" Current platform time: {frame.platform_time_s:g}"


def _triple(values: record.Triple) -> str:
    return f"({', '.join(f'{value:g}' for value in values)})"


def collisions(path: Path, first: str, second: str) -> str:
    """Collisions between two kinds of actors, each once for as long as it lasts."""
    head, frames = _open(path)
    lines = [f"{'Time':>8} {'Types':>6} {'Id':>6} {'Actor 1':<35} {'Id':>6} {'Actor 2':<35}"]
    actors: dict[int, record.Added] = {}
    touching: set[tuple[int, int]] = set()
    last = record.Frame()
    for last in frames:
        actors |= {added.actor_id: added for added in last.added}
        before, touching = touching, set()
        for c in last.collisions:
            kinds = [_category(actors.get(actor_id)) for actor_id in (c.first_id, c.second_id)]
            if not (_passes(first, kinds[0], c.first_is_hero) and _passes(second, kinds[1], c.second_is_hero)):
                continue
            touching.add((c.first_id, c.second_id))
            if (c.first_id, c.second_id) not in before:
                names = [_name(actors.get(actor_id)) for actor_id in (c.first_id, c.second_id)]
                who = f"{c.first_id:>6} {names[0]:<35} {c.second_id:>6} {names[1]:<35}"
                lines.append(f"{last.elapsed_s:>8.0f}   {kinds[0]} {kinds[1]}  {who}")
        for actor_id in last.removed:
            actors.pop(actor_id, None)
    return head + "\n".join(lines) + "\n" + _foot(last)


def _category(added: record.Added | None) -> str:
    return _CATEGORIES[added.type] if added is not None and added.type < len(_CATEGORIES) else "o"


def _name(added: record.Added | None) -> str:
    return added.type_id if added is not None else ""


def _passes(category: str, kind: str, hero: bool) -> bool:
    return category in ("a", kind) or (category == "h" and hero)


def actors_blocked(path: Path, min_time_s: float, min_distance_cm: float) -> str:
    """Actors that moved less than a distance for at least a time, longest first."""
    head, frames = _open(path)
    names: dict[int, str] = {}
    still: dict[int, tuple[record.Triple, float, float]] = {}
    """Where an actor stood still, since when, and for how long."""
    blocked: list[tuple[float, str]] = []

    def note_blocked(actor_id: int) -> None:
        _, since_s, for_s = still[actor_id]
        if for_s > 0.0 and for_s >= min_time_s:
            blocked.append((for_s, f"{since_s:>8.0f} {actor_id:>6} {names.get(actor_id, ''):<35} {for_s:>10.0f}"))

    last = record.Frame()
    for last in frames:
        names |= {added.actor_id: added.type_id for added in last.added}
        length_s = max(last.duration_s, 0.0)
        for actor_id, place, _ in last.positions:
            stood = still.get(actor_id)
            if stood is not None and math.dist(stood[0], place) < min_distance_cm:
                since_s = stood[1] if stood[2] > 0.0 else last.elapsed_s
                still[actor_id] = (stood[0], since_s, stood[2] + length_s)
                continue
            if stood is not None:
                note_blocked(actor_id)
            still[actor_id] = (place, last.elapsed_s, 0.0)
    for actor_id in still:
        note_blocked(actor_id)
    lines = [f"{'Time':>8} {'Id':>6} {'Actor':<35} {'Duration':>10}"]
    lines += [line for _, line in sorted(blocked, key=lambda row: -row[0])]
    return head + "\n".join(lines) + "\n" + _foot(last)
