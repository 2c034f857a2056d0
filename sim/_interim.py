"""Stand-ins until lanes, signals, traffic and collisions are in the tree."""

from dataclasses import dataclass


class LaneGraph:
    @classmethod
    def from_map(cls, carla_map):
        return cls()


class Signals:
    def __init__(self, carla_map):
        self.lights = []

    def step(self, dt):
        pass

    def light_for(self, x, y, yaw):
        return -1


class Traffic:
    def __init__(self, lanes, signals, seed):
        pass

    def register(self, i):
        pass

    def unregister(self, i):
        pass

    def step(self, v, o, dt):
        pass


@dataclass(frozen=True)
class Obstacle:
    actor_id: int
    x: float
    y: float
    yaw: float
    half_length: float
    half_width: float
    vx: float = 0.0
    vy: float = 0.0


@dataclass(frozen=True)
class Contact:
    a: int
    b: int


def resolve(v, o, dt):
    return []
