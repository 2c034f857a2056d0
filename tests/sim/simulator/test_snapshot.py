"""The snapshot's bytes are those of packing actor by actor, whatever has happened since the last one."""

import math

import numpy as np

from sim.map.network import read_network
from sim.protocol import wire
from sim.protocol.forms import wire_transform
from sim.scene.poses import Pose
from sim.simulator.snapshot import SnapshotPacker
from sim.world.actors import Actor, TrafficLight, TrafficSign, Vehicle, Walker
from sim.world.world import World
from tests.sim.map.small_roads import two_part_road

HEADER_BYTES = 84


def actor_by_actor(world: World) -> bytes:
    return b"".join(
        wire.ACTOR_STATE.pack(
            actor.actor_id,
            wire.STATE_ACTIVE,
            *wire_transform(actor.pose),
            *actor.velocity_mps,
            *(0.0, 0.0, math.degrees(actor.yaw_rate_radps)),
            *actor.acceleration_mps2,
            own_state(world, actor),
        )
        for actor in world.actors.values()
    )


def own_state(world: World, actor: Actor) -> bytes:
    if isinstance(actor, Vehicle):
        return vehicle_state(world, world.vehicles.slot(actor.actor_id))
    if isinstance(actor, Walker):
        return wire.WALKER_STATE.pack(*actor.direction, actor.speed_mps, actor.jumps)
    if isinstance(actor, TrafficLight):
        light = world.signals.lights[actor.light_index]
        times = (light.green_s, light.yellow_s, light.red_s, light.elapsed_s)
        sign_id = light.opendrive_id.encode()[:31]
        return wire.TRAFFIC_LIGHT_STATE.pack(sign_id, *times, 0, light.frozen, light.state)
    return actor.sign_id.encode()[:31] if isinstance(actor, TrafficSign) else b""


def vehicle_state(world: World, k: int) -> bytes:
    v = world.vehicles
    light = int(v.light_index[k])
    pedals = (float(v.throttle[k]), float(v.steer[k]), float(v.brake[k]))
    flags = (bool(v.hand_brake[k]), bool(v.reverse[k]), bool(v.manual_gear[k]))
    state = world.signals.lights[light].state if light >= 0 else 2
    light_id = world.light_ids[light] if light >= 0 else 0
    limit_kmh = 3.6 * float(v.speed_limit_mps[k])
    return wire.VEHICLE_STATE.pack(*pedals, *flags, int(v.shown_gears()[k]), limit_kmh, state, light >= 0, light_id, 0)


def test_every_snapshot_is_the_bytes_of_packing_actor_by_actor():
    world = World(read_network("straight", two_part_road(part_m=100.0, light_at_m=90.0)), 0)
    packer, rng, at_light = SnapshotPacker(), np.random.default_rng(0), False
    alive: list[int] = []

    def check() -> None:
        expected = actor_by_actor(world)
        assert packer.pack(world, 1)[HEADER_BYTES:] == expected
        assert packer.pack(world, 1)[HEADER_BYTES:] == expected

    check()
    for tick in range(120):
        if tick % 10 == 0:
            pose = Pose(5.0 + 1.5 * tick, 1.75, 0.0)
            alive.append(world.spawn([0, "vehicle.tesla.model3", []], pose).actor_id)
            check()
            prop = world.spawn([0, "static.prop.box01", []], Pose(5.0 + 1.5 * tick, 30.0, 0.0))
            world.spawn([0, "sensor.camera.rgb", []], Pose(z=2.0), parent_id=alive[-1])
            if tick % 20 == 0:
                world.destroy(prop.actor_id)
        if tick % 30 == 29:
            world.destroy(alive.pop(0))
            check()
        for actor_id in alive:
            k = world.vehicles.slot(actor_id)
            world.vehicles.throttle[k], world.vehicles.steer[k] = rng.uniform(0.0, 1.0, 2)
            world.vehicles.reverse[k] = rng.random() < 0.2
            world.vehicles.manual_gear[k] = rng.random() < 0.2
        world.set_velocity(alive[0], (3.0, 1.0, 0.5))
        if tick % 7 == 0:
            world.set_pose(alive[-1], world.actors[alive[-1]].pose._replace(pitch=2.0, yaw=-math.pi, roll=4.0))
        check()
        world.step(0.05)
        at_light |= bool((world.vehicles.light_index >= 0).any())
        check()
    assert at_light
