"""V2X sensors: stations that send and receive messages by radio within one tick.

`sensor.other.v2x` sends awareness messages by itself; `sensor.other.v2x_custom` sends what its client tells it to, to
the sensors of its channel. Every station sends, whether it is listened to or not; who is listened to receives.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from sim.protocol.forms import wire_transform
from sim.rays.lines import body_entry, box_entries
from sim.scene.poses import Pose, Vector, compose
from sim.scene.records import Box
from sim.sensors.motion import seed_of
from sim.sensors.v2x_awareness import Awareness
from sim.sensors.v2x_messages import Message, custom_message, payload
from sim.sensors.v2x_radio import Link, Path, Radio
from sim.world.actors import Sensor, Vehicle
from sim.world.blueprint_types import Kind
from sim.world.world import World

CUSTOM_SENSOR = "sensor.other.v2x_custom"


class Station:
    """One V2X sensor."""

    def __init__(self, sensor: Sensor) -> None:
        """ValueError when an attribute is out of range."""
        self.radio = Radio(sensor.attributes, seed_of(sensor))
        self.service = None if sensor.type_id == CUSTOM_SENSOR else Awareness(sensor)
        self.sending: list[Message] = []
        """What it sends in the present tick."""
        self._next: list[Message] = []

    def queue(self, message: Message) -> None:
        """Send a message in the next tick."""
        self._next.append(message)

    def step(self, world: World, sensor: Sensor) -> None:
        """Begin a tick: what was queued is sent, or the awareness message when it is its time."""
        if self.service is None:
            self.sending, self._next = self._next, []
        else:
            message = self.service.message(world, sensor)
            self.sending = [] if message is None else [message]


class Ether:
    """All V2X sensors of one episode."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stations: dict[int, Station] = {}

    def send(self, sensor: Sensor, text: str) -> None:
        """Have a custom sensor send a client's text in the next tick; ValueError for another sensor or a long text."""
        if sensor.type_id != CUSTOM_SENSOR:
            raise ValueError(f"actor {sensor.actor_id} ({sensor.type_id}) is no {CUSTOM_SENSOR}")
        station = sensor.parent_id or sensor.actor_id
        self._station(sensor).queue(custom_message(station, text.encode()))

    def messages(self, receivers: Iterable[Sensor]) -> list[tuple[int, bytes]]:
        """(stream, payload) of those receivers that something reaches in the world's present tick."""
        world = self._world
        sensors = [a for a in world.actors.values() if a.kind is Kind.V2X_SENSOR and isinstance(a, Sensor)]
        if not sensors:
            self._stations.clear()
            return []
        self._stations = {sensor.actor_id: self._station(sensor) for sensor in sensors}
        by_channel: dict[tuple[str, str], list[Sensor]] = defaultdict(list)
        for sensor in sensors:
            station = self._stations[sensor.actor_id]
            station.step(world, sensor)
            if station.sending:
                by_channel[_channel(sensor)].append(sensor)
        found = []
        for receiver in receivers:
            rows = [row for sender in by_channel[_channel(receiver)] for row in self._received(sender, receiver)]
            if rows:
                is_custom = receiver.type_id == CUSTOM_SENSOR
                where = wire_transform(receiver.pose)
                found.append((receiver.stream_id, payload(is_custom, world.frame, world.time_s, where, rows)))
        return found

    def _station(self, sensor: Sensor) -> Station:
        if sensor.actor_id not in self._stations:
            self._stations[sensor.actor_id] = Station(sensor)
        return self._stations[sensor.actor_id]

    def _received(self, sender: Sensor, receiver: Sensor) -> list[bytes]:
        """What arrives of a sender's messages; nothing when they are one, too far apart, or the signal is too weak."""
        if sender is receiver:
            return []
        ours, theirs = self._stations[receiver.actor_id], self._stations[sender.actor_id]
        distance_m = math.dist(sender.pose[:3], receiver.pose[:3])
        if distance_m >= ours.radio.reach_m:
            return []
        power = ours.radio.power_dbm(theirs.radio.transmit_dbm, self._link(sender, receiver, distance_m))
        return [] if power is None else [message.received(power) for message in theirs.sending]

    def _link(self, sender: Sensor, receiver: Sensor, distance_m: float) -> Link:
        """What lies between two sensors. Who carries one of them is not in the way."""
        world = self._world
        start, end = _place(sender), _place(receiver)
        heights = (start[2] - world.ground_z(*start), end[2] - world.ground_z(*end))
        if any(body_entry(start, end, body) is not None for body in world.statics.near_line(start, end)):
            return Link(distance_m, heights, Path.BUILDING)
        carriers = (sender.parent_id, receiver.parent_id)
        others = [a for a in world.actors.values() if isinstance(a, Vehicle) and a.actor_id not in carriers]
        boxes = [Box(compose(a.pose, Pose(*a.box_offset_m)), a.extent_m, 0) for a in others]
        low = min(start[2], end[2])
        tops = [
            (math.dist(start[:2], box.pose[:2]), math.dist(box.pose[:2], end[:2]), box.pose.z + box.extent_m[2] - low)
            for box, along in zip(boxes, box_entries(start, end, boxes), strict=True)
            if along is not None
        ]
        return Link(distance_m, heights, Path.VEHICLES if tops else Path.CLEAR, tops)


def _place(sensor: Sensor) -> Vector:
    return sensor.pose.x, sensor.pose.y, sensor.pose.z


def _channel(sensor: Sensor) -> tuple[str, str]:
    """Awareness messages reach every awareness sensor; custom ones only those of their channel."""
    return sensor.type_id, sensor.attributes["channel_id"] if sensor.type_id == CUSTOM_SENSOR else ""
