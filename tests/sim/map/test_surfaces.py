"""What wheels stand on, through the unmodified client: wet roads, kerbs, grass; and a car's telemetry and physics."""

import math

import carla
import pytest

from tests.sim.server.server_process import client_of, serving

STEP_S = 0.05
_ROAD = """<OpenDRIVE><header revMajor="1" revMinor="4" name="kerb"/>
<road name="kerb" length="600" id="1" junction="-1"><link/>
<planView><geometry s="0" x="0" y="0" hdg="0" length="600"><line/></geometry></planView>
<lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center><right>
<lane id="-1" type="driving" level="false"><width sOffset="0" a="4" b="0" c="0" d="0"/></lane>
<lane id="-2" type="sidewalk" level="false"><width sOffset="0" a="6" b="0" c="0" d="0"/></lane>
</right></laneSection></lanes></road></OpenDRIVE>"""


@pytest.fixture(scope="module")
def world():
    with serving() as port:
        world = client_of(port).generate_opendrive_world(_ROAD, carla.OpendriveGenerationParameters())
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
        world.apply_settings(settings)
        yield world


@pytest.fixture
def spawn(world):
    cars = []

    def one(x: float, y: float, speed_mps: float, yaw_deg: float = 0.0, name: str = "vehicle.seat.leon"):
        place = carla.Transform(carla.Location(x, y, 0.3), carla.Rotation(yaw=yaw_deg))
        car = world.spawn_actor(world.get_blueprint_library().find(name), place)
        cars.append(car)
        world.tick()
        ahead = place.get_forward_vector()
        car.set_target_velocity(carla.Vector3D(speed_mps * ahead.x, speed_mps * ahead.y, 0.0))
        world.tick()
        return car

    yield one
    for car in cars:
        car.destroy()


def stop_m(world, car) -> float:
    begun = car.get_location()
    car.apply_control(carla.VehicleControl(brake=1.0))
    for _ in range(400):
        world.tick()
        if car.get_velocity().length() < 0.01:
            return car.get_location().distance(begun)
    raise AssertionError("it never stopped")


def test_braking_takes_longer_on_a_wet_road(world, spawn):
    """0.7 of the grip: 1 / 0.7 of the way."""
    dry = stop_m(world, spawn(50.0, 2.0, 20.0))
    world.set_weather(carla.WeatherParameters(precipitation=100.0, precipitation_deposits=100.0, wetness=100.0))
    wet = stop_m(world, spawn(200.0, 2.0, 20.0))
    world.set_weather(carla.WeatherParameters())
    assert wet / dry == pytest.approx(1.0 / 0.7, rel=0.06)


def test_a_pavement_lies_a_kerb_higher_and_getting_onto_it_is_felt(world, spawn):
    car = spawn(100.0, 2.0, 6.0, yaw_deg=20.0)
    rolled = []
    for _ in range(60):
        world.tick()
        rolled.append(abs(car.get_transform().rotation.roll))
    assert car.get_location().y > 5.5
    assert car.get_location().z == pytest.approx(0.12, abs=0.01)
    assert max(rolled) > 1.5
    assert 2.5 < car.get_velocity().length() < 5.5


def test_grass_slows_a_car_down(world, spawn):
    road, grass = spawn(100.0, 2.0, 12.0), spawn(150.0, 25.0, 12.0)
    for _ in range(40):
        world.tick()
    assert grass.get_velocity().length() < road.get_velocity().length() - 0.8
    assert grass.get_location().z == pytest.approx(0.0, abs=0.02)


def test_telemetry_has_gear_engine_and_every_wheel(world, spawn):
    car = spawn(100.0, 2.0, 15.0)
    car.apply_control(carla.VehicleControl(throttle=0.5))
    for _ in range(20):
        world.tick()
    found = car.get_telemetry_data()
    assert found.gear == car.get_control().gear > 1
    assert 1000.0 < found.engine_rpm < 6500.0
    wheels = found.wheels
    assert sum(wheel.tire_load for wheel in wheels) == pytest.approx(1350.0 * 9.81, rel=0.01)
    # The front wheels drive: they turn a little faster than the rear ones, and push.
    assert wheels[0].omega > wheels[2].omega > 0.0
    assert wheels[0].long_force > 0.0 > wheels[2].long_force - 50.0
    car.apply_control(carla.VehicleControl(manual_gear_shift=True, gear=2))
    for _ in range(10):
        world.tick()
    assert car.get_telemetry_data().gear == 2


def test_an_engine_given_by_physics_control_drives_the_car(world, spawn):
    car = spawn(100.0, 2.0, 0.0)
    physics = car.get_physics_control()
    assert len(physics.forward_gears) == 6
    physics.torque_curve = [carla.Vector2D(0.0, 20.0), carla.Vector2D(5000.0, 20.0)]
    physics.max_rpm = 5000.0
    physics.forward_gears = [carla.GearPhysicsControl(ratio=3.0, down_ratio=0.5, up_ratio=0.65)]
    car.apply_physics_control(physics)
    car.apply_control(carla.VehicleControl(throttle=1.0))
    for _ in range(40):
        world.tick()
    force = 20.0 * 3.0 * physics.final_ratio * 0.86 / 0.33
    expected = 2.0 * (force / physics.mass - 0.012 * 9.81)
    assert car.get_velocity().length() == pytest.approx(expected, rel=0.1)


def test_physics_no_vehicle_can_have_is_refused_and_changes_nothing(world, spawn):
    car = spawn(100.0, 2.0, 0.0)
    physics = car.get_physics_control()
    physics.forward_gears = []
    car.apply_physics_control(physics)
    world.tick()
    assert len(car.get_physics_control().forward_gears) == 6
    assert math.isclose(car.get_physics_control().mass, 1350.0)
