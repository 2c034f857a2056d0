"""The session's hold on a CARLA world: connect, own the clock, put the ego and its cameras in, read a tick whole.

The only module through which the session touches `carla.Client`, and the border at which CARLA's degrees become
radians and its BGRA becomes RGB. It works alike against the embedded simulator and a CARLA 0.9.16 server: what it
needs of the server each tick is the tick itself, the snapshot and the cameras' streams.
"""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import carla

from cockpit.config import ConfigError, SessionConfig
from cockpit.rig.camera_spec import CameraSpec
from cockpit.route.lanes import is_on_lane
from cockpit.world.cameras import CAMERA, camera_frame, find_blueprint, pose_from_carla, spawn_camera
from cockpit.world.set_back import WEATHER_FIELDS, carla_transform, motion_commands, show_lights
from cockpit.world.waiting import asked, awaited, is_listening
from recorder.schema import ActorState, CameraFrame, Control, EventKind, LightColour, LightState, Pose, Tick, TickEvent

log = logging.getLogger(__name__)

COLLISION_MEMORY_S = 1.0
"""A contact that goes on is one collision: the same pair is reported again only after this long apart."""

SETTLED_S = 1.0
"""Age of a freshly loaded town when a session begins in it."""
LETTING_GO_S = 1.5
"""When the server is gone, the client library's threads hold our callbacks until their next attempt to connect again, a
second later. If Python ended before that, they would end the process with an abort."""
CALLBACKS_S = 0.2
"""How long callbacks under way are given after the last sensor was stopped. One of them that held the last reference to
the client would take it down from the client's own thread, which ends the process (`std::terminate`)."""

HAZARD_LAMPS = int(carla.VehicleLightState.LeftBlinker) | int(carla.VehicleLightState.RightBlinker)

_COLOURS = {
    carla.TrafficLightState.Red: LightColour.RED,
    carla.TrafficLightState.Yellow: LightColour.YELLOW,
    carla.TrafficLightState.Green: LightColour.GREEN,
    carla.TrafficLightState.Off: LightColour.OFF,
}


class WorldError(RuntimeError):
    """The world cannot be used as asked (no such town, blocked spawn point, a camera fell silent)."""


class WorldLost(WorldError):  # noqa: N818 (it names what happened)
    """The server does not answer any more."""


@dataclass(frozen=True, slots=True)
class WorldFrame:
    """What the world says about one tick."""

    frame: int
    time_s: float
    wall_time_s: float
    delta_s: float
    ego: ActorState
    actors: tuple[ActorState, ...]
    lights: tuple[LightState, ...]
    cameras: Mapping[str, CameraFrame]
    events: tuple[TickEvent, ...]
    weather: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Static:
    """What never changes about an actor."""

    type_id: str
    role_name: str
    extent_m: tuple[float, float, float]
    box_offset_m: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class _Light:
    actor: Any
    pose: Pose
    opendrive_id: str


@dataclass(frozen=True, slots=True)
class _Camera:
    spec: CameraSpec
    sensor: Any
    images: queue.SimpleQueue[Any]


def connect(config: SessionConfig) -> carla.Client:
    """Client of the server at `config.host:config.port`.

    Raises:
        WorldLost: nothing answers there.

    """
    client = carla.Client(config.host, config.port)
    client.set_timeout(config.timeout_s)
    try:
        server = client.get_server_version()
    except RuntimeError as error:
        raise WorldLost(
            f"No CARLA server answers at {config.host}:{config.port} ({error}). Start one (`takeover sim`, or "
            "CARLA 0.9.16) or give its --host and --port."
        ) from error
    if server != client.get_client_version():
        log.warning("server speaks CARLA %s, this client %s: expect trouble", server, client.get_client_version())
    return client


class CarlaWorld:
    """A world whose clock this object owns until `close`."""

    def __init__(self, config: SessionConfig, client: carla.Client | None = None) -> None:
        self.config = config
        self.client = client if client is not None else connect(config)
        self.is_lost = False
        """The server stopped answering: it is asked for nothing any more."""
        self.ego: Any = None
        self._cameras: list[_Camera] = []
        self._sensors: list[Any] = []
        self._collisions: queue.SimpleQueue[tuple[float, int, str, float]] = queue.SimpleQueue()
        self._contact_s: dict[int, float] = {}
        self._static: dict[int, _Static | None] = {}
        self._lights: dict[int, _Light] = {}
        self._lamps: dict[int, int] = {}
        self._ticks = 0
        self._is_driving = False
        self._orphans: queue.SimpleQueue[tuple[int, ...]] = queue.SimpleQueue()
        self._faults: list[str] = []
        """What went wrong and was got over since the last tick."""
        self.world: carla.World = self._present_world()
        self._settings_before = self.world.get_settings()
        try:
            self._own_clock()
            self.world = self._load_town(config.town, config.fresh_world)
            self._own_clock()
            self.carla_map: carla.Map = self.world.get_map()
            self.map_name: str = self.carla_map.name.rsplit("/", 1)[-1]
            self.opendrive: str = self.carla_map.to_opendrive()
            self.weather = self.set_weather(config.weather)
            if config.fresh_world:
                self._settle()
        except BaseException:
            self.close()
            raise

    # --- setting up ---------------------------------------------------------------------------------------------

    def _present_world(self) -> carla.World:
        try:
            return self.client.get_world()
        except RuntimeError as error:
            raise self._lost(error) from error

    def _load_town(self, town: str | None, fresh: bool) -> carla.World:
        world = self.world
        try:
            here = world.get_map().name.rsplit("/", 1)[-1]
            if town is None or here.lower() == town.lower():
                return self._loaded(here) if fresh else world
            towns = sorted({name.rsplit("/", 1)[-1] for name in self.client.get_available_maps()})
        except RuntimeError as error:
            raise self._lost(error) from error
        wanted = next((name for name in towns if name.lower() == town.lower()), None)
        if wanted is None:
            raise ConfigError(f"town '{town}' is not on this server; it has: {', '.join(towns)}.")
        return self._loaded(wanted)

    def _loaded(self, town: str) -> carla.World:
        """The world after loading a town from its beginning; the clock stays ours, so that it does not run on."""
        self.client.set_timeout(self.config.load_timeout_s)
        try:
            return self.client.load_world(town, False)
        except RuntimeError as error:
            raise WorldLost(f"The server at port {self.config.port} did not load '{town}': {error}") from error
        finally:
            self.client.set_timeout(self.config.timeout_s)

    def _own_clock(self) -> None:
        settings = self.world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = self.config.fixed_delta_s
        self.world.apply_settings(settings)

    def _settle(self) -> None:
        """Step a town just loaded to one and the same moment: loading takes the client a tick or a few."""
        while self.world.get_snapshot().timestamp.elapsed_seconds < SETTLED_S:
            self._tick_world()

    def set_weather(self, preset: str) -> tuple[float, ...]:
        """Apply a preset of `carla.WeatherParameters` by name; the 14 floats it stands for."""
        weather = getattr(carla.WeatherParameters, preset, None)
        if not isinstance(weather, carla.WeatherParameters):
            presets = sorted(n for n in dir(carla.WeatherParameters) if n[0].isupper())
            raise ConfigError(f"weather '{preset}' is not a preset; choose one of: {', '.join(presets)}.")
        return self.apply_weather(weather)

    def apply_weather(self, weather: carla.WeatherParameters) -> tuple[float, ...]:
        """Apply a weather; its 14 floats."""
        self.world.set_weather(weather)
        self.weather = tuple(float(getattr(weather, name)) for name in WEATHER_FIELDS)
        return self.weather

    def spawn_ego(self, pose: Pose) -> None:
        """Put the ego at `pose` (its wheels on the road), with a collision sensor, and let it settle for a tick.

        Raises:
            ConfigError: unknown blueprint.
            WorldError: something stands there.

        """
        library = self.world.get_blueprint_library()
        blueprint = find_blueprint(library, self.config.ego_blueprint)
        if blueprint.has_attribute("role_name"):
            blueprint.set_attribute("role_name", "hero")
        above = Pose(pose.x, pose.y, pose.z + 0.3, pose.roll, pose.pitch, pose.yaw)
        self.ego = self.world.try_spawn_actor(blueprint, carla_transform(above))
        if self.ego is None:
            raise WorldError(f"The ego cannot be spawned at x={pose.x:.1f}, y={pose.y:.1f}: something stands there.")
        sensor: Any = self.world.spawn_actor(
            library.find("sensor.other.collision"), carla.Transform(), attach_to=self.ego
        )
        self._sensors.append(sensor)
        sensor.listen(self._on_collision)
        self._forget_statics()
        self._tick_world()

    def attach_cameras(self, specs: Iterable[CameraSpec]) -> None:
        """Fix one RGB camera to the ego per spec; from the next tick on each frame of theirs is waited for."""
        for spec in specs:
            sensor = spawn_camera(self.world, self.ego, spec)
            camera = _Camera(spec, sensor, queue.SimpleQueue())
            sensor.listen(camera.images.put)
            self._cameras.append(camera)
            self._sensors.append(sensor)

    def aim_cameras(self, poses: Mapping[str, Pose]) -> None:
        """Put cameras elsewhere in the ego frame from the next tick on; the client does not wait for an answer."""
        for index, camera in enumerate(self._cameras):
            pose = poses.get(camera.spec.name)
            if pose is not None and pose != camera.spec.pose:
                camera.sensor.set_transform(carla_transform(pose))  # of an attached actor: relative to its parent
                self._cameras[index] = replace(camera, spec=replace(camera.spec, pose=pose))

    def forget_cameras(self, actor_ids: Iterable[int]) -> None:
        """Destroy, before the next step, cameras whose owner is gone; from any thread. Other actors are left alone."""
        self._orphans.put(tuple(actor_ids))

    def _destroy_orphans(self) -> None:
        while not self._orphans.empty():
            ids = list(self._orphans.get())
            with contextlib.suppress(RuntimeError):  # they only cost time: not worth a drive
                mine = {camera.sensor.id for camera in self._cameras}
                found = [actor for actor in self.world.get_actors(ids) if actor.type_id == CAMERA]
                gone = [actor.id for actor in found if actor.id not in mine]
                if gone:
                    self.client.apply_batch([carla.command.DestroyActor(actor_id) for actor_id in gone])

    def _on_collision(self, event: Any) -> None:
        impulse = event.normal_impulse
        size = math.sqrt(impulse.x**2 + impulse.y**2 + impulse.z**2)
        self._collisions.put((event.timestamp, event.other_actor.id, event.other_actor.type_id, size))

    # --- one tick -----------------------------------------------------------------------------------------------

    def apply(self, control: Control) -> None:
        """Send the control that the next tick is driven with (the client does not wait for an answer)."""
        self.ego.apply_control(
            carla.VehicleControl(
                throttle=control.throttle,
                steer=control.steer,
                brake=control.brake,
                hand_brake=control.hand_brake,
                reverse=control.reverse,
            )
        )

    def show_hazard_lights(self, is_on: bool) -> None:
        """Blink with both sides, or stop it; the other lamps stay as they are."""
        lamps = self._lamps.get(self.ego.id, 0)
        lamps = lamps | HAZARD_LAMPS if is_on else lamps & ~HAZARD_LAMPS
        with contextlib.suppress(RuntimeError):  # lamps are not worth a drive
            self.ego.set_light_state(carla.VehicleLightState(lamps))

    def set_back(self, tick: Tick) -> None:
        """Put everybody who is still there where `tick` says, as fast as they were, and show the lights of then.

        The clock goes on. As near as CARLA's API allows (`cockpit.world.set_back`); actors born later stay where they
        are.

        Raises:
            WorldLost: the server does not answer.

        """
        commands = motion_commands((tick.ego, *tick.actors), self._static)
        try:
            asked(self.config, lambda: self.client.apply_batch_sync(commands, False))
            show_lights(((light.opendrive_id, light.actor) for light in self._lights.values()), tick.lights, hold=False)
        except RuntimeError as error:
            raise self._lost(error) from error
        self._contact_s.clear()

    def tick(self) -> WorldFrame:
        """Advance the world by one step and read it whole.

        Raises:
            WorldLost: the server does not answer.
            WorldError: a camera delivered no frame of this tick in time.

        """
        frame = self.read(self.advance())
        return replace(frame, cameras=self.pictures(frame.frame))

    def advance(self) -> carla.WorldSnapshot:
        """The first third of a tick: step the world, wait for its snapshot."""
        if not self._is_driving:  # from now on a server that has ended is noticed soon
            self._is_driving = True
            self.client.set_timeout(min(self.config.tick_timeout_s, self.config.timeout_s))
        self._destroy_orphans()
        self._read_lamps()
        frame = self._tick_world()
        snapshot = self.world.get_snapshot()
        if snapshot.frame != frame:
            raise WorldError(f"asked for frame {frame}, the snapshot is of {snapshot.frame}: does another client tick?")
        return snapshot

    def read(self, snapshot: carla.WorldSnapshot) -> WorldFrame:
        """The second third: every state in the snapshot. The server draws the pictures meanwhile."""
        stamp = snapshot.timestamp
        try:
            ego, actors = self._actor_states(snapshot)
            lights = self._light_states()
        except RuntimeError as error:
            raise self._lost(error) from error
        return WorldFrame(
            frame=snapshot.frame,
            time_s=stamp.elapsed_seconds,
            wall_time_s=time.time(),
            delta_s=stamp.delta_seconds,
            ego=ego,
            actors=actors,
            lights=lights,
            cameras={},
            events=(*self._collision_events(stamp.elapsed_seconds), *self._fault_events()),
            weather=self.weather,
        )

    def pictures(self, frame: int) -> dict[str, CameraFrame]:
        """The last third: every camera's picture of that very frame, waited for."""
        return {camera.spec.name: self._image_of(camera, frame) for camera in self._cameras}

    def is_on_road(self, x: float, y: float, z: float) -> bool:
        """Whether the point lies on a driving lane (asked of the client's own map; no call to the server)."""
        return is_on_lane(self.carla_map, x, y, z)

    def light_ids(self) -> dict[str, int]:
        """Actor id of each traffic light by its OpenDRIVE signal id."""
        if not self._lights:
            self._forget_statics()
            self._meet([actor.id for actor in self.world.get_actors().filter("traffic.traffic_light*")])
        return {light.opendrive_id: actor_id for actor_id, light in self._lights.items()}

    def _tick_world(self) -> int:
        """Step the world; a step that comes late is waited for and told of. Asking again would step twice."""
        self._ticks += 1
        config, begun = self.config, time.monotonic()
        before = self.world.get_snapshot().frame
        try:
            return self.world.tick(min(config.tick_timeout_s, config.timeout_s))
        except RuntimeError as error:
            if not awaited(config, begun, lambda: self.world.get_snapshot().frame > before):
                raise self._lost(error) from error
        if config.lockstep is None:  # in lock-step nobody sees the world's clock stand
            late_s = time.monotonic() - begun
            self._faults.append(f"The CARLA server was late: one step took {late_s:.1f} s; the drive went on.")
        return self.world.get_snapshot().frame

    def _lost(self, error: Exception) -> WorldLost:
        self.is_lost = True
        said = str(error).strip() or type(error).__name__
        return WorldLost(
            f"The CARLA server at {self.config.host}:{self.config.port} stopped answering ({said}). What was recorded "
            "is kept; start the server again and begin a new session."
        )

    def _actor_states(self, snapshot: carla.WorldSnapshot) -> tuple[ActorState, tuple[ActorState, ...]]:
        shots = {shot.id: shot for shot in snapshot}
        unknown = [actor_id for actor_id in shots if actor_id not in self._static]
        if unknown:
            self._meet(unknown)
        ego_shot = shots.get(self.ego.id)
        if ego_shot is None:
            raise WorldLost("The ego is no longer in the world: another client destroyed it or loaded a map.")
        ego = self._state(ego_shot)
        reach2 = self.config.recording_range_m**2
        others = []
        for actor_id in sorted(shots):
            if actor_id == ego.actor_id or self._static[actor_id] is None:
                continue
            state = self._state(shots[actor_id])
            if (state.pose.x - ego.pose.x) ** 2 + (state.pose.y - ego.pose.y) ** 2 <= reach2:
                others.append(state)
        return ego, tuple(others)

    def _state(self, shot: carla.ActorSnapshot) -> ActorState:
        static = self._static[shot.id]
        assert static is not None  # noqa: S101 (callers ask for road users only)
        velocity, acceleration, turning = shot.get_velocity(), shot.get_acceleration(), shot.get_angular_velocity()
        return ActorState(
            actor_id=shot.id,
            type_id=static.type_id,
            role_name=static.role_name,
            pose=pose_from_carla(shot.get_transform()),
            velocity_mps=(velocity.x, velocity.y, velocity.z),
            acceleration_mps2=(acceleration.x, acceleration.y, acceleration.z),
            angular_velocity_radps=(math.radians(turning.x), math.radians(turning.y), math.radians(turning.z)),
            extent_m=static.extent_m,
            box_offset_m=static.box_offset_m,
            light_state=self._lamps.get(shot.id, 0),
        )

    def _meet(self, actor_ids: list[int]) -> None:
        """Learn once what never changes about actors seen for the first time (one call for all of them)."""
        found: dict[int, Any] = {
            actor.id: actor for actor in asked(self.config, lambda: self.world.get_actors(actor_ids))
        }
        for actor_id in actor_ids:
            actor = found.get(actor_id)
            if actor is None:
                self._static[actor_id] = None
                continue
            asked(self.config, lambda actor=actor: self._learn(actor))  # a box is asked of the server, which may draw

    def _learn(self, actor: Any) -> None:
        self._static[actor.id] = _static_of(actor) if _is_road_user(actor.type_id) else None
        if actor.type_id.startswith("traffic.traffic_light"):
            pose = pose_from_carla(actor.get_transform())
            self._lights[actor.id] = _Light(actor, pose, actor.get_opendrive_id())

    def _forget_statics(self) -> None:
        self._static.clear()
        self._lights.clear()

    def _read_lamps(self) -> None:
        """Brake lights and blinkers of all vehicles: one call for all, every few ticks.

        Asked before the step: after it the server draws, and the answer would wait for the pictures.
        """
        every = self.config.light_state_every
        if every and self._ticks % every == 0:
            try:
                states = asked(self.config, self.world.get_vehicles_light_states)
            except RuntimeError as error:
                raise self._lost(error) from error
            self._lamps = {actor_id: int(lamps) for actor_id, lamps in states.items()}

    def _light_states(self) -> tuple[LightState, ...]:
        return tuple(
            LightState(
                actor_id=actor_id,
                colour=_COLOURS.get(light.actor.state, LightColour.UNKNOWN),
                elapsed_s=light.actor.get_elapsed_time(),
                pose=light.pose,
                opendrive_id=light.opendrive_id,
            )
            for actor_id, light in sorted(self._lights.items())
        )

    def _image_of(self, camera: _Camera, frame: int) -> CameraFrame:
        deadline = time.monotonic() + self.config.sensor_timeout_s
        while True:
            left_s = deadline - time.monotonic()
            try:
                image = camera.images.get(timeout=max(0.0, min(left_s, self.config.tick_timeout_s)))
            except queue.Empty:
                if not is_listening(self.config.host, self.config.port):
                    raise self._lost(RuntimeError(f"no picture of camera '{camera.spec.name}'")) from None
                if left_s > self.config.tick_timeout_s:
                    continue
                raise WorldError(
                    f"Camera '{camera.spec.name}' delivered no picture of frame {frame} within "
                    f"{self.config.sensor_timeout_s:.1f} s. Is the server rendering (no --no-rendering)?"
                ) from None
            if image.frame == frame:
                break
            if image.frame > frame:
                raise WorldError(f"Camera '{camera.spec.name}' skipped frame {frame} and sent {image.frame}.")
        return camera_frame(camera.spec, image, camera.spec.pose)

    def _fault_events(self) -> tuple[TickEvent, ...]:
        faults, self._faults = self._faults, []
        return tuple(TickEvent(EventKind.FAULT, text) for text in faults)

    def _collision_events(self, now_s: float) -> tuple[TickEvent, ...]:
        """Contacts since the last tick; a contact that lasts is reported once."""
        events = []
        while not self._collisions.empty():
            _, other_id, other_type, impulse = self._collisions.get()
            seen_s = self._contact_s.get(other_id, -math.inf)
            self._contact_s[other_id] = now_s
            if now_s - seen_s > COLLISION_MEMORY_S:
                events.append(TickEvent(EventKind.COLLISION, f"hit {other_type}", other_id, impulse))
        return tuple(events)

    # --- leaving ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Destroy what was spawned and give the clock back; safe to call twice, and when the server is gone."""
        sensors, self._sensors = self._sensors, []
        ego, self.ego = self.ego, None
        self._cameras = []
        settings, self._settings_before = self._settings_before, None
        for sensor in sensors:
            with contextlib.suppress(RuntimeError):
                sensor.stop()
        gone = [actor.id for actor in (*sensors, ego) if actor is not None]
        if not self.is_lost:
            self.client.set_timeout(self.config.timeout_s)
            try:
                if gone:
                    self.client.apply_batch_sync([carla.command.DestroyActor(i) for i in gone], False)
                if settings is not None:
                    self.world.apply_settings(settings)
            except RuntimeError as error:
                self.is_lost = True
                log.info("world not tidied up, the server does not answer: %s", error)
        if sensors:
            time.sleep(LETTING_GO_S if self.is_lost else CALLBACKS_S)

    def __enter__(self) -> CarlaWorld:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_road_user(type_id: str) -> bool:
    return type_id.startswith(("vehicle.", "walker.", "static.prop."))


def _static_of(actor: carla.Actor) -> _Static:
    box = actor.bounding_box
    return _Static(
        type_id=actor.type_id,
        role_name=actor.attributes.get("role_name", ""),
        extent_m=(box.extent.x, box.extent.y, box.extent.z),
        box_offset_m=(box.location.x, box.location.y, box.location.z),
    )
