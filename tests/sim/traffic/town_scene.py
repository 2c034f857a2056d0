"""A road or a town with driven vehicles on it, for the tests of traffic."""

from dataclasses import dataclass, field
from importlib import resources

import carla
import numpy as np

from sim.map.lanes import LaneGraph
from sim.map.signals import LightState, Signals
from sim.traffic.traffic import Traffic
from sim.vehicles.fleet import Vehicles
from sim.vehicles.spec import VehicleSpec
from sim.vehicles.step import flat_ground, step_vehicles
from sim.world.collisions import Contact, Obstacles, resolve

DT = 0.05
TOWN = carla.Map("millbrook", (resources.files("assets") / "maps" / "millbrook.xodr").read_text())
LANES = LaneGraph.from_map(TOWN)
HALF_M = VehicleSpec().length_m / 2


@dataclass
class Scene:
    """A road with vehicles on it, stepped as the world does."""

    carla_map: carla.Map = TOWN
    lanes: LaneGraph = LANES
    seed: int = 1
    obstacles: Obstacles = field(default_factory=Obstacles.none)
    contacts: list[Contact] = field(default_factory=list)

    def __post_init__(self):
        self.signals = Signals(self.carla_map, self.lanes)
        self.vehicles = Vehicles()
        self.traffic = Traffic(self.lanes, self.signals, self.seed)

    @classmethod
    def on(cls, carla_map: carla.Map) -> "Scene":
        return cls(carla_map, LaneGraph.from_map(carla_map))

    def put(self, actor_id: int, lane: int, s: float, speed_mps: float = 0.0, driven: bool = True) -> None:
        x, y, yaw = self.lanes.at(lane, s)
        z = float(np.interp(s, self.lanes.lanes[lane].s, self.lanes.lanes[lane].z))
        self.vehicles.add(actor_id, VehicleSpec(), x, y, z, yaw)
        self.vehicles.vx_body[-1] = speed_mps
        if driven:
            self.traffic.register(actor_id)

    def ground(self, x: np.ndarray, y: np.ndarray, _yaw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if not self.lanes.z.any():
            return flat_ground(x, y, _yaw)
        return self.lanes.ground(x, y, self.vehicles.z)[0], np.zeros(len(x)), np.zeros(len(x))

    def fill(self, count: int) -> None:
        places = [
            (n.index, s) for n in self.lanes.lanes if not n.is_junction for s in np.arange(15, n.length_m - 20, 20)
        ]
        np.random.default_rng(self.seed).shuffle(places)
        for k, (lane, s) in enumerate(places[:count]):
            self.put(100 + k, int(lane), float(s))

    def step(self, seconds: float = DT) -> None:
        for _ in range(round(seconds / DT)):
            self.signals.step(DT)
            self.traffic.step(self.vehicles, self.obstacles, DT)
            step_vehicles(self.vehicles, DT, self.ground)
            self.contacts += resolve(self.vehicles, self.obstacles, DT)

    def show(self, state: LightState) -> None:
        for k in range(len(self.signals.lights)):
            self.signals.set_state(k, state)
        self.signals.freeze_all(True)

    def state(self) -> bytes:
        v = self.vehicles
        return b"".join(a.tobytes() for a in (v.x, v.y, v.yaw, v.vx_body, v.throttle, v.brake, v.steer))


def pose(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    v = scene.vehicles
    return v.x, v.y, v.yaw
