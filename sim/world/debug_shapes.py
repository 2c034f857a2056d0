"""Debug shapes: the bars that `world.debug.draw_*` put into a world, each with its life time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sim.scene.records import Bar

MOST_SHAPES = 20_000


@dataclass(frozen=True, slots=True)
class _Shape:
    bars: tuple[Bar, ...]
    until_s: float
    until_frame: float


class DebugShapes:
    """The shapes that are to be seen in one world."""

    def __init__(self) -> None:
        self._shapes: list[_Shape] = []

    def clear(self) -> None:
        """Take all away."""
        self._shapes.clear()

    def turn_back(self, seconds: float) -> None:
        """The world's clock goes back by so many seconds: what is shown stays as long as before."""
        self._shapes = [replace(shape, until_s=shape.until_s - seconds) for shape in self._shapes]

    def add(self, bars: tuple[Bar, ...], life_s: float, time_s: float, frame: int) -> None:
        """Show bars from now on; a life time below 0 is one frame, 0 is for ever (CARLA's Python reference).

        Raises:
            ValueError: there are too many shapes already.
        """
        self._forget(time_s, frame)
        if len(self._shapes) >= MOST_SHAPES:
            raise ValueError(f"there are {MOST_SHAPES} debug shapes already; give them a life time or clear them")
        until_s = time_s + life_s if life_s > 0.0 else float("inf")
        self._shapes.append(_Shape(bars, until_s, frame + 1 if life_s < 0.0 else float("inf")))

    def bars(self, time_s: float, frame: int) -> tuple[Bar, ...]:
        """What is to be seen in a tick."""
        self._forget(time_s, frame)
        return tuple(bar for shape in self._shapes for bar in shape.bars)

    def _forget(self, time_s: float, frame: int) -> None:
        if self._shapes:
            self._shapes = [s for s in self._shapes if s.until_s >= time_s - 1e-6 and s.until_frame >= frame]
