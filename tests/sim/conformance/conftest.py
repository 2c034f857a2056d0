"""One server that draws, for all tests of this folder; each gets a new episode."""

from __future__ import annotations

import os

import pytest

from tests.sim.server.server_process import client_of, serving, synchronous_world


@pytest.fixture(scope="package")
def port(tmp_path_factory):
    with serving(rendering=True, env={**os.environ, "XDG_DATA_HOME": str(tmp_path_factory.mktemp("data"))}) as port:
        yield port


@pytest.fixture(scope="package")
def client(port):
    """One for all tests: the library ends the process when a client's last reference goes in a thread of its own."""
    client = client_of(port)
    client.set_timeout(120.0)
    return client


@pytest.fixture
def world(client):
    return synchronous_world(client)
