"""Forces, torques, gravity and set velocities do to a vehicle what CARLA's do, however fast the wall clock goes."""

import math
import time

import pytest

from tests.sim.calls.socketless import SocketlessServer

STEP_S = 0.05


def server_with(fixed_step_s):
    made = SocketlessServer()
    step = [False] if fixed_step_s is None else [True, fixed_step_s]
    made.value("set_episode_settings", [True, True, step, True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True])
    made.car = made.spawn("vehicle.tesla.model3")[0]
    made.value("tick_cue")
    return made


def speed_after(name, arguments, wall_s, fixed_step_s=None):
    """Speed (m/s) and yaw rate (rad/s) in the first tick after a push, with wall time passing before the tick."""
    server = server_with(fixed_step_s)
    server.simulator.world.vehicles.gravity_mps2[:] = 0.0  # so that nothing but the push acts
    server.value(name, server.car, *arguments)
    time.sleep(wall_s)
    server.value("tick_cue")
    v = server.simulator.world.vehicles
    return float(math.hypot(v.vx_body[0], v.vy_body[0])), float(v.yaw_rate[0])


@pytest.mark.parametrize("fixed_step_s", [None, STEP_S])
def test_a_force_acts_over_one_step_whatever_the_wall_clock_does(fixed_step_s):
    mass_kg = 1845.0
    force = [10.0 * mass_kg, 0.0, 0.0]
    found = [speed_after("add_actor_force", [force], wall_s, fixed_step_s)[0] for wall_s in (0.0, 0.03, 0.09)]
    assert found == pytest.approx([10.0 * STEP_S] * 3, rel=0.02)
    assert max(found) - min(found) < 1e-3


def test_a_torque_too():
    torque = [0.0, 0.0, math.degrees(20_000.0)]
    rates = [speed_after("add_actor_torque", [torque], wall_s)[1] for wall_s in (0.0, 0.09)]
    assert rates[0] > 0.1
    assert rates[1] == pytest.approx(rates[0], rel=1e-6)


def test_a_longer_fixed_step_lets_a_force_act_longer():
    force = [1845.0, 0.0, 0.0]
    short, long = (speed_after("add_actor_force", [force], 0.0, step_s)[0] for step_s in (0.05, 0.1))
    assert long == pytest.approx(2.0 * short, rel=0.02)


def car_without(server, friction=None, gravity=True):
    """The server's car, without air drag and what else is asked for."""
    v = server.simulator.world.vehicles
    v.p["drag_area_m2"][0] = 0.0
    if friction is not None:
        v.p["friction"][0] = friction
    server.value("set_actor_enable_gravity", server.car, gravity)
    return server.car


@pytest.mark.parametrize(("friction", "gravity"), [(0.0, True), (None, False)])
def test_nothing_slows_a_car_without_friction_or_weight_and_without_air_drag(friction, gravity):
    server = server_with(STEP_S)
    car = car_without(server, friction, gravity)
    server.value("set_actor_target_velocity", car, [27.778, 0.0, 0.0])
    for _ in range(100):
        server.value("tick_cue")
        assert server.simulator.world.vehicle(car).velocity_mps[0] == pytest.approx(27.778, abs=1e-3)


def test_with_its_weight_back_a_car_brakes_again():
    server = server_with(STEP_S)
    car = car_without(server, gravity=False)
    server.value("set_actor_target_velocity", car, [20.0, 0.0, 0.0])
    server.value("apply_control_to_vehicle", car, [0.0, 0.0, 1.0, False, False, False, 0])
    for _ in range(10):
        server.value("tick_cue")
    assert server.simulator.world.vehicle(car).velocity_mps[0] == pytest.approx(20.0, abs=1e-3)
    server.value("set_actor_enable_gravity", car, True)
    for _ in range(20):
        server.value("tick_cue")
    assert server.simulator.world.vehicle(car).velocity_mps[0] < 13.0


FULL_THROTTLE, RELEASED = ([throttle, 0.0, 0.0, False, False, False, 0] for throttle in (1.0, 0.0))


def drive_of(sticky, controls):
    """How far a car comes in 3 s (m) and its throttle in every tick, under a control in each of the first ticks."""
    server = server_with(STEP_S)
    car = server.spawn("vehicle.mercedes.coupe", 80.0, sticky_control=sticky)[0]
    throttles = []
    for tick in range(60):
        if tick < len(controls):
            server.value("apply_control_to_vehicle", car, controls[tick])
        server.value("tick_cue")
        throttles.append(float(server.simulator.world.vehicles.throttle[1]))
    return server.simulator.world.actor(car).pose.x - 80.0, throttles


def test_a_sticky_control_holds_until_another_comes():
    assert drive_of("True", [FULL_THROTTLE]) == drive_of("false", [FULL_THROTTLE] * 60)


def test_a_control_that_is_not_sticky_holds_for_one_tick():
    metres, throttles = drive_of("False", [FULL_THROTTLE])
    assert throttles == [1.0] + [0.0] * 59
    assert (metres, throttles) == drive_of("True", [FULL_THROTTLE] + [RELEASED] * 59)
