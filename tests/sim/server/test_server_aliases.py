"""CARLA's town names on a server of ours: an unmodified client loads them and is told them."""

import pytest

from tests.sim.server.server_process import client_of, serving


@pytest.fixture(scope="module")
def client():
    with serving("--map", "Town02", "--alias", "Town07=Millbrook") as port:
        yield client_of(port)


def test_a_map_is_named_as_it_was_asked_for(client):
    """The server was started with an alias; the next is another name of the same town."""
    world = client.get_world()
    assert world.get_map().name == "Carla/Maps/Town02"
    assert client.load_world("Town07").get_map().name == "Carla/Maps/Town07"
    client.load_world_if_different("Town07")
    assert client.get_world().get_map().name == "Carla/Maps/Town07"
    assert client.reload_world().get_map().name == "Carla/Maps/Town07"
    assert client.load_world("/Game/Carla/Maps/Millbrook").get_map().name == "Carla/Maps/Millbrook"


def test_all_names_are_listed(client):
    names = [name.removeprefix("/Game/Carla/Maps/") for name in client.get_available_maps()]
    assert {"Millbrook", "Town01", "Town03_Opt", "Town10HD", "Town12"} <= set(names)
    assert len(names) == len(set(names))


def test_without_aliases_carlas_towns_are_refused():
    with serving("--no-aliases") as port:
        client = client_of(port)
        assert len(client.get_available_maps()) == 5
        with pytest.raises(RuntimeError, match="Town03"):
            client.load_world("Town03")
