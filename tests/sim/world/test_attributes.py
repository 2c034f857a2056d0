"""An actor's attributes are checked when it is spawned, with the texts of CARLA's own library."""

import pytest

from tests.sim.calls.socketless import SocketlessServer


@pytest.fixture(scope="module")
def server():
    return SocketlessServer()


@pytest.mark.parametrize(
    ("type_id", "name", "value", "text"),
    [
        ("vehicle.tesla.model3", "color", "²,0,0", "invalid int"),
        ("vehicle.tesla.model3", "color", "1,2", "colors must have 3 channels (R,G,B)"),
        ("vehicle.tesla.model3", "color", "256,0,0", "integer overflow in color channel"),
        ("vehicle.tesla.model3", "sticky_control", "perhaps", "invalid bool: perhaps"),
        ("sensor.camera.rgb", "image_size_x", "wide", "invalid int: wide"),
        ("sensor.camera.rgb", "image_size_x", "99999999999", "integer overflow"),
        ("sensor.camera.rgb", "fov", "nan", "invalid float: nan"),
        ("sensor.camera.rgb", "fov", "1e300", "float overflow"),
        ("sensor.camera.rgb", "exposure_mode", "magic", "must be one of histogram, manual"),
        ("sensor.camera.depth", "sensor_tick", "", "invalid float"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_refused_by_name(server, type_id, name, value, text):
    row = [[name, 4, value]]
    error = server.error("spawn_actor", [1, type_id, row], [[50.0, 1.75, 0.0], [0.0, 0.0, 0.0]])
    assert error.startswith(f"Spawn failed: {name}: ")
    assert text in error


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("image_size_x", "64.0", "64"),
        ("image_size_x", " 64px", "64"),
        ("fov", "90", "90.0"),
        ("fov", "3.5f", "3.5"),
        ("fov", "1E2", "100.0"),
        ("enable_postprocess_effects", "False", "false"),
        ("role_name", "²", "²"),
    ],
)
def test_values_are_read_as_carlas_server_reads_them(server, name, value, meant):
    camera = server.spawn("sensor.camera.rgb", **{name: value})
    assert server.simulator.world.actor(camera[0]).attributes[name] == meant
    assert [name, 4, value] in camera[2][2]  # clients get back what they sent


def test_what_cannot_be_changed_stays_and_what_the_blueprint_lacks_is_only_given_back(server):
    car = server.spawn("vehicle.tesla.model3", 120.0, number_of_wheels="9", nickname="Bob")
    attributes = server.simulator.world.actor(car[0]).attributes
    assert attributes["number_of_wheels"] == "4"
    assert "nickname" not in attributes
    assert ["nickname", 4, "Bob"] in car[2][2]


@pytest.mark.parametrize("description", [[-1, "", []], [2**33, "", []], [1, "", [["color", 4, 7]]], [1, "", [["x"]]]])
def test_a_malformed_description_is_refused_with_carlas_words(server, description):
    description[1] = "vehicle.tesla.model3"
    error = server.error("spawn_actor", description, [[50.0, 1.75, 0.0], [0.0, 0.0, 0.0]])
    assert error.startswith("Spawn failed because of invalid actor description")
