"""The TrafficManager's calls: this server answers as the remote TrafficManager that a client finds already running.

A client that asks for the TrafficManager of any port is told that one runs here, so it starts none of its own: the
traffic is driven by `sim.traffic.traffic` in the world's own thread, with no second clock to agree with. These calls
have no leading metadata and no `Response` around their answers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from sim.map.routes import Turn
from sim.protocol.forms import finite, vector_from_wire
from sim.protocol.rpc import RpcError
from sim.simulator.simulator import Simulator
from sim.traffic.traffic import Traffic

KMH_PER_MPS = 3.6

_NUMBERS = {
    "set_percentage_speed_difference": "set_percentage_speed_difference",
    "set_desired_speed": "set_desired_speed",
    "set_lane_offset": "set_lane_offset",
    "set_distance_to_leading_vehicle": "set_distance_to_leading_vehicle",
    "set_percentage_running_light": "set_percentage_running_light",
    "set_percentage_running_sign": "set_percentage_running_sign",
    "set_percentage_ignore_vehicles": "set_percentage_ignore_vehicles",
    "set_percentage_ignore_walkers": "set_percentage_ignore_walkers",
    "keep_slow_lane_rule_percentage": "set_keep_right_percentage",
    "random_left_lanechange_percentage": "set_random_left_lane_change_percentage",
    "random_right_lanechange_percentage": "set_random_right_lane_change_percentage",
}
"""Calls (vehicle, number), and the setter of `sim.traffic.traffic.Traffic` that each one is."""

_SWITCHES = {
    "set_auto_lane_change": "set_auto_lane_change",
    "set_force_lane_change": "set_force_lane_change",
    "update_vehicle_lights": "set_update_vehicle_lights",
}
"""Calls (vehicle, bool)."""

_FOR_ALL = (
    "set_global_percentage_speed_difference",
    "set_global_distance_to_leading_vehicle",
    "set_global_lane_offset",
)

_ACCEPTED = ("set_synchronous_mode", "set_synchronous_mode_timeout_in_milisecond", "health_check_remote_TM")
"""The traffic is stepped with the world in every mode."""


class TrafficCalls:
    """Handlers of the TrafficManager's calls. Setters for a vehicle hold whether or not it is registered yet."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    @property
    def traffic(self) -> Traffic:
        """The present episode's traffic."""
        return self.simulator.traffic

    def calls(self) -> dict[str, Callable[..., Any]]:
        """Every call by name."""
        numbers = {name: partial(self._set_number, setter) for name, setter in _NUMBERS.items()}
        switches = {name: partial(self._set_switch, setter) for name, setter in _SWITCHES.items()}
        whole = {name: partial(self._set_for_all, name) for name in _FOR_ALL}
        accepted: dict[str, Callable[..., Any]] = dict.fromkeys(_ACCEPTED, _accept)
        return numbers | switches | whole | accepted | self._plans() | self._options() | self._others()

    def _set_number(self, setter: str, actor: list[Any], value: Any) -> None:
        factor = 1.0 / KMH_PER_MPS if setter == "set_desired_speed" else 1.0
        getattr(self.traffic, setter)(self._id(actor), factor * finite(value)[0])

    def _set_switch(self, setter: str, actor: list[Any], value: Any) -> None:
        getattr(self.traffic, setter)(self._id(actor), bool(value))

    def _set_for_all(self, setter: str, value: Any) -> None:
        getattr(self.traffic, setter)(finite(value)[0])

    def _others(self) -> dict[str, Callable[..., Any]]:
        return {
            "register_vehicle": self.register,
            "unregister_vehicle": self.unregister,
            "set_collision_detection": self.set_collision_detection,
            "set_random_device_seed": lambda seed: self.traffic.set_seed(int(seed)),
            "synchronous_tick": lambda: True,
            "shut_down": self.shut_down,
        }

    def _plans(self) -> dict[str, Callable[..., Any]]:
        return {
            "set_path": self.set_path,
            "update_custom_path": lambda actor_id, points: self.set_path([actor_id], points, True),
            "remove_custom_path": self.forget_plan,
            "set_imported_route": self.set_route,
            "update_imported_route": lambda actor_id, turns: self.set_route([actor_id], turns, True),
            "remove_imported_route": self.forget_plan,
            "get_next_action": self.next_action,
            "get_all_actions": self.all_actions,
        }

    def _options(self) -> dict[str, Callable[..., Any]]:
        def set_option(name: str, convert: Callable[[Any], Any], value: Any) -> None:
            setattr(self.traffic.options, name, convert(value))

        def metres(value: Any) -> float:
            return max(finite(value)[0], 0.0)

        return {
            "set_hybrid_physics_mode": partial(set_option, "hybrid", bool),
            "set_hybrid_physics_radius": partial(set_option, "hybrid_radius_m", metres),
            "set_osm_mode": partial(set_option, "osm", bool),
            "set_respawn_dormant_vehicles": partial(set_option, "respawn", bool),
            "set_boundaries_respawn_dormant_vehicles": self.set_boundaries,
            "set_max_boundaries": self.set_boundaries,
        }

    def set_boundaries(self, lower_m: Any, upper_m: Any) -> None:
        """How near to, and how far from, the hero vehicles are set down again."""
        lower, upper = finite(lower_m, upper_m)
        if not 0.0 <= lower < upper:
            raise RpcError(f"the boundaries must be 0 <= lower < upper, they are {lower} and {upper}")
        self.traffic.options.respawn_from_m, self.traffic.options.respawn_to_m = lower, upper

    def set_path(self, actor: list[Any], points: list[Any], empty_buffer: bool) -> None:
        """Drive along places in the world; `empty_buffer`: from here on, not after the way known so far."""
        places = np.array([vector_from_wire(point)[:2] for point in points]).reshape(-1, 2)
        self.traffic.set_path(self._id(actor), places, bool(empty_buffer))

    def set_route(self, actor: list[Any], turns: Any, empty_buffer: bool) -> None:
        """Take turns, CARLA's road options by number."""
        self.traffic.set_route(self._id(actor), tuple(Turn(int(turn)) for turn in turns), bool(empty_buffer))

    def forget_plan(self, actor_id: int, remove: bool) -> None:
        """Give a vehicle's path or route up."""
        if remove and int(actor_id) in self.simulator.world.vehicles:
            self.traffic.forget_plan(int(actor_id))

    def next_action(self, actor_id: int) -> list[Any]:
        """[road option, place] of what a vehicle does next. (The client library throws the answer away.)"""
        actions = self.all_actions(actor_id)
        return actions[0] if actions else [int(Turn.LANE_FOLLOW), None]

    def all_actions(self, actor_id: int) -> list[Any]:
        """As `next_action`, for all that a vehicle knows ahead."""
        return [[int(turn), list(place)] for turn, place in self.traffic.actions(int(actor_id))]

    def set_collision_detection(self, actor: list[Any], other: list[Any], detect: bool) -> None:
        """Whether one vehicle sees another actor."""
        self.traffic.set_collision_detection(self._id(actor), int(other[0]), bool(detect))

    def register(self, actors: list[Any]) -> None:
        """Drive these vehicles; what has meanwhile been destroyed is passed over."""
        for actor in actors:
            if int(actor[0]) in self.simulator.world.vehicles:
                self.traffic.register(int(actor[0]))

    def unregister(self, actors: list[Any]) -> None:
        """Drive these vehicles no longer."""
        for actor in actors:
            if int(actor[0]) in self.simulator.world.vehicles:
                self.traffic.unregister(int(actor[0]))

    def shut_down(self) -> None:
        """Drive no vehicle any longer; the traffic can be taken up again."""
        for actor_id in self.simulator.world.vehicles.ids.tolist():
            self.traffic.unregister(actor_id)

    def _id(self, actor: list[Any]) -> int:
        """The id of a vehicle that exists; RpcError otherwise."""
        actor_id = int(actor[0])
        if actor_id not in self.simulator.world.vehicles:
            raise RpcError(f"actor {actor_id} is no living vehicle: the TrafficManager cannot drive it")
        return actor_id


def _accept(*_: Any) -> None:
    """A setting of a TrafficManager with a clock of its own."""
