"""Driving samples on disk: what the policy's camera saw, the question's numbers, and where the expert would have gone.

A folder of `.npz` shards, one row per picture. `refine.data.scatter` and `refine.data.dagger` make them,
`refine.train.small_sft` learns from them; a shard is written whole or not at all, so that a folder can be read while
collecting goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policy.vla.observation import Observation, prompt_of
from policy.vla.processor import MERGE, PATCH_PX
from recorder.schema import LightColour, RouteCommand, Tick
from refine.data.truth import BLOCK_PX, UNKNOWN, Truth
from refine.errors import RefineError

COMMANDS = tuple(RouteCommand)
LIGHTS = (LightColour.UNKNOWN, LightColour.RED, LightColour.YELLOW, LightColour.GREEN)
CELL_PX = PATCH_PX * MERGE
"""A side of what one image token shows."""
UNSEEN = 255
LAMP_CHANGE, LAMP_VIVID, LAMP_BRIGHT, LAMP_LEAST_PX = 50, 90, 150, 2
"""By how much a pixel changes where a lamp comes on, what spread of its channels and what brightest channel it has
(0..255), and how many such pixels make a lamp."""
LIGHT_AHEAD_M = 35.0
"""A light farther off counts as none: its lamps are a pixel or two in the small policy's picture."""
SHARD_PATTERN = "shard_*.npz"


@dataclass(frozen=True)
class Samples:
    """N samples, one row of each array per sample."""

    images: NDArray[np.uint8]
    """(N, H, W, 3) RGB of the policy's camera."""
    prompt: NDArray[np.str_]
    """The words that the policy is asked in."""
    speed_mps: NDArray[np.float32]
    command: NDArray[np.int8]
    """Index into `COMMANDS`."""
    command_distance_m: NDArray[np.float32]
    """inf when no manoeuvre lies ahead."""
    trajectory_ego: NDArray[np.float32]
    """(N, T, 3) x, y, yaw at 0.5, 1.0, ... s: the label."""
    light: NDArray[np.int8]
    """Index into `LIGHTS` of what the route's next light shows; 0 where none is within `LIGHT_AHEAD_M`."""
    lamps: NDArray[np.uint8]
    """(N, H / `CELL_PX`, W / `CELL_PX`) index into `LIGHTS` of the lamp of the route's next light that is lit in each
    cell of the picture, 0 where there is none; `UNSEEN` throughout where nobody looked for it."""
    depth: NDArray[np.uint8]
    """(N, H / `BLOCK_PX`, W / `BLOCK_PX`) how far things are (`refine.data.truth`); `UNKNOWN` where nobody looked."""
    classes: NDArray[np.uint8]
    """The same shape: what they are, CARLA's semantic tags; `UNKNOWN` where nobody looked."""
    group: NDArray[np.int32]
    """Samples of one drive, one place or one stretch share a group; validation holds whole groups out."""

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"arrays of different lengths: {lengths}")

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_] | slice) -> Samples:
        """The samples of some rows."""
        return Samples(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


_KINDS = {
    "images": np.uint8,
    "prompt": np.str_,
    "speed_mps": np.float32,
    "command": np.int8,
    "command_distance_m": np.float32,
    "trajectory_ego": np.float32,
    "light": np.int8,
    "lamps": np.uint8,
    "depth": np.uint8,
    "classes": np.uint8,
    "group": np.int32,
}


class SampleBuffer:
    """Collects samples one by one and writes a shard whenever `shard_size` are there."""

    def __init__(self, folder: Path, name: str, shard_size: int = 500) -> None:
        self.folder = folder
        self.written = 0
        self._name = name
        self._size = shard_size
        self._rows: list[dict[str, object]] = []
        self._shards = 0
        folder.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return self.written + len(self._rows)

    def add(
        self,
        tick: Tick,
        observation: Observation,
        trajectory_ego: NDArray[np.float32],
        group: int,
        lamps: NDArray[np.uint8] | None = None,
        truth: Truth | None = None,
    ) -> None:
        """Keep one sample; writes a shard when it is full. Raises ValueError for a question with several pictures."""
        (image,) = observation.images
        route = tick.route
        height, width = image.shape[:2]
        blank = np.full((height // BLOCK_PX, width // BLOCK_PX), UNKNOWN, np.uint8)
        unseen = np.full((height // CELL_PX, width // CELL_PX), UNSEEN, np.uint8)
        self._rows.append(
            {
                "images": image.copy(),
                "prompt": prompt_of(observation),
                "speed_mps": tick.ego.speed_mps,
                "command": COMMANDS.index(route.command),
                "command_distance_m": route.command_distance_m,
                "trajectory_ego": trajectory_ego,
                "light": LIGHTS.index(light_ahead(tick)),
                "lamps": unseen if lamps is None else lamps,
                "depth": blank if truth is None else truth.depth,
                "classes": blank if truth is None else truth.classes,
                "group": group,
            }
        )
        if len(self._rows) >= self._size:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered as one shard."""
        if not self._rows:
            return
        samples = Samples(**{name: np.array([row[name] for row in self._rows], kind) for name, kind in _KINDS.items()})
        write_shard(self.folder / f"shard_{self._name}_{self._shards:04d}.npz", samples)
        self.written += len(samples)
        self._shards += 1
        self._rows = []


def light_ahead(tick: Tick) -> LightColour:
    """What the route's next light shows; UNKNOWN where there is none within `LIGHT_AHEAD_M`, or it is off."""
    route = tick.route
    if route.next_light_distance_m > LIGHT_AHEAD_M:
        return LightColour.UNKNOWN
    shown = (light.colour for light in tick.lights if light.actor_id == route.next_light_id)
    colour = next(shown, LightColour.UNKNOWN)
    return colour if colour in LIGHTS else LightColour.UNKNOWN


def lit_cells(image: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(H / `CELL_PX`, W / `CELL_PX`) where a lamp is lit in `image` that is not in `other`, (H, W, 3) RGB of one view.

    What else moved between the two pictures is recognised by being duller than a lamp.
    """
    now, then = image.astype(np.int16), other.astype(np.int16)
    vivid = now.max(-1) - now.min(-1)
    lit = (np.abs(now - then).max(-1) > LAMP_CHANGE) & (vivid > LAMP_VIVID) & (now.max(-1) > LAMP_BRIGHT)
    rows, columns = image.shape[0] // CELL_PX, image.shape[1] // CELL_PX
    cells = lit[: rows * CELL_PX, : columns * CELL_PX].reshape(rows, CELL_PX, columns, CELL_PX)
    return cells.sum((1, 3)) >= LAMP_LEAST_PX


def write_shard(file: Path, samples: Samples) -> None:
    """Write one shard atomically."""
    partial = file.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, **{field.name: getattr(samples, field.name) for field in fields(samples)})
    partial.replace(file)


def read_samples(folders: Path | Sequence[Path]) -> Samples:
    """All samples of one folder or several; raises `RefineError` when there are none or a shard is broken."""
    folders = [folders] if isinstance(folders, Path) else list(folders)
    files = sorted(file for folder in folders for file in folder.glob(SHARD_PATTERN))
    if not files:
        named = ", ".join(str(folder) for folder in folders)
        raise RefineError(f"no samples ({SHARD_PATTERN}) in {named}; collect some first (`takeover refine small`)")
    shards = [_read_shard(file) for file in files]
    # Pictures are most of the memory: they are put together one shard at a time, each let go once it is copied.
    images = np.empty((sum(len(one) for one in shards), *shards[0].images.shape[1:]), np.uint8)
    names = [field.name for field in fields(Samples) if field.name != "images"]
    columns = {name: np.concatenate([getattr(one, name) for one in shards]) for name in names}
    begin = 0
    while shards:
        shard = shards.pop(0)
        if shard.images.shape[1:] != images.shape[1:]:
            raise RefineError(f"the shards hold pictures of {images.shape[1:]} and of {shard.images.shape[1:]}")
        images[begin : begin + len(shard)] = shard.images
        begin += len(shard)
    return Samples(images=images, **columns)


def _read_shard(file: Path) -> Samples:
    try:
        with np.load(file, allow_pickle=False) as data:
            return Samples(**{field.name: data[field.name] for field in fields(Samples)})
    except (OSError, ValueError, KeyError) as error:
        raise RefineError(f"{file} is not a shard of driving samples ({error}); delete it and collect again") from error
