"""The ego in a CARLA world: its vehicle, what it is driven with, its hazard lights, and what it collides with."""

from __future__ import annotations

import contextlib
import math
import queue
from typing import Any

import carla

from cockpit.world.blueprints import find_blueprint
from cockpit.world.conversion import carla_transform
from cockpit.world.errors import WorldError
from recorder.schema import Control, EventKind, Pose, TickEvent

COLLISION_MEMORY_S = 1.0
"""A contact that goes on is one collision: the same pair is reported again only after this long apart."""
SPAWN_HEIGHT_M = 0.3
"""How far above the road the ego appears; it drops onto its wheels in the first tick."""

HAZARD_LAMPS = int(carla.VehicleLightState.LeftBlinker) | int(carla.VehicleLightState.RightBlinker)


class Ego:
    """The session's own vehicle and its collision sensor; there is none before `spawn`."""

    def __init__(self) -> None:
        self.actor: Any = None
        """The `carla.Vehicle`; None before `spawn` and once the world is closed."""
        self._sensors: list[Any] = []
        self._contacts: queue.SimpleQueue[tuple[int, str, float]] = queue.SimpleQueue()
        """From CARLA's thread: the other's actor id and type, and the impulse in N s."""
        self._contact_s: dict[int, float] = {}

    def spawn(self, world: carla.World, blueprint_id: str, pose: Pose) -> None:
        """Put the vehicle at `pose` (its wheels on the road), with a collision sensor.

        Raises:
            ConfigError: unknown blueprint.
            WorldError: something stands there.

        """
        library = world.get_blueprint_library()
        blueprint = find_blueprint(library, blueprint_id)
        if blueprint.has_attribute("role_name"):
            blueprint.set_attribute("role_name", "hero")
        above = Pose(pose.x, pose.y, pose.z + SPAWN_HEIGHT_M, pose.roll, pose.pitch, pose.yaw)
        self.actor = world.try_spawn_actor(blueprint, carla_transform(above))
        if self.actor is None:
            raise WorldError(f"The ego cannot be spawned at x={pose.x:.1f}, y={pose.y:.1f}: something stands there.")
        sensor: Any = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=self.actor)
        self._sensors.append(sensor)
        sensor.listen(self._on_collision)

    def apply(self, control: Control) -> None:
        """Send the control that the next tick is driven with (the client does not wait for an answer)."""
        self.actor.apply_control(
            carla.VehicleControl(
                throttle=control.throttle,
                steer=control.steer,
                brake=control.brake,
                hand_brake=control.hand_brake,
                reverse=control.reverse,
            )
        )

    def show_hazard_lights(self, is_on: bool, lamps: int) -> None:
        """Blink with both sides, or stop it. `lamps`: those that are on now; the others stay as they are."""
        lamps = lamps | HAZARD_LAMPS if is_on else lamps & ~HAZARD_LAMPS
        with contextlib.suppress(RuntimeError):  # lamps are not worth a drive
            self.actor.set_light_state(carla.VehicleLightState(lamps))

    def collision_events(self, now_s: float) -> tuple[TickEvent, ...]:
        """Contacts since the last call; a contact that lasts is reported once. `now_s`: the world's time."""
        events = []
        while not self._contacts.empty():
            other_id, other_type, impulse = self._contacts.get()
            seen_s = self._contact_s.get(other_id, -math.inf)
            self._contact_s[other_id] = now_s
            if now_s - seen_s > COLLISION_MEMORY_S:
                events.append(TickEvent(EventKind.COLLISION, f"hit {other_type}", other_id, impulse))
        return tuple(events)

    def forget_contacts(self) -> None:
        """Whatever is touched next is a new collision."""
        self._contact_s.clear()

    def stop(self) -> list[Any]:
        """Stop listening; the sensors, which are still to be destroyed."""
        sensors, self._sensors = self._sensors, []
        for sensor in sensors:
            with contextlib.suppress(RuntimeError):
                sensor.stop()
        return sensors

    def _on_collision(self, event: Any) -> None:
        impulse = event.normal_impulse
        size = math.sqrt(impulse.x**2 + impulse.y**2 + impulse.z**2)
        self._contacts.put((event.other_actor.id, event.other_actor.type_id, size))
