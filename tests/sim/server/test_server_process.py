"""The server as a program: how it starts, what it refuses, what does not crash it, and how it ends."""

import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

import carla
import msgpack
import psutil
import pytest

from tests.sim.server.server_process import ROOT, client_of, ready_port, serving, spawn_car, start, synchronous_world


@pytest.fixture(scope="module")
def port():
    with serving() as port:
        yield port


def ended(process):
    """Exit code and standard error of a process that ends by itself."""
    with process:
        return process.wait(), process.stderr.read()


def answers(port):
    return client_of(port).get_server_version() == "0.9.16"


def raw(port, data):
    """Send bytes and read until the other side closes the connection, or has sent nothing for a while."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(0.1)
        with contextlib.suppress(OSError):
            connection.sendall(data)
            while connection.recv(1 << 16):
                pass


def test_a_missing_map_ends_it_with_2_and_says_what_to_do(tmp_path):
    code, said = ended(start("--no-rendering", "--map", str(tmp_path / "nowhere.xodr")))
    assert code == 2
    assert "nowhere.xodr" in said
    assert "OpenDRIVE" in said


@pytest.mark.parametrize("text", ["", "<OpenDRIVE/>", "not xml at all", '<?xml version="1.0"?><html/>'])
def test_a_file_that_is_no_map_ends_it_with_2(tmp_path, text):
    path = tmp_path / "bad.xodr"
    path.write_text(text)
    code, said = ended(start("--no-rendering", "--map", str(path)))
    assert code == 2
    assert "bad.xodr" in said
    assert "Traceback" not in said


def test_a_map_of_binary_rubbish_ends_it_with_2(tmp_path):
    path = tmp_path / "rubbish.xodr"
    path.write_bytes(bytes(range(256)) * 4)
    code, said = ended(start("--no-rendering", "--map", str(path)))
    assert (code, "Traceback" in said) == (2, False)


@pytest.mark.parametrize("taken", [0, 1])
def test_either_port_in_use_ends_it_with_3_and_names_the_port(port, taken):
    process = subprocess.Popen(
        [sys.executable, "-m", "sim", "--port", str(port - 1 + taken), "--no-rendering"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    code, said = ended(process)
    assert code == 3
    assert "--port" in said
    assert answers(port)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_a_client_connected(how):
    process = start("--no-rendering")
    with process:
        client = client_of(ready_port(process))
        client.get_world().wait_for_tick()
        process.send_signal(how)
        assert process.wait() == 0
        assert "Traceback" not in process.stderr.read()


def test_it_ends_when_its_parent_is_killed():
    script = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-m', 'sim', '--port', '0', '--no-rendering', '--exit-with-parent'],"
        " stdout=subprocess.PIPE, text=True)\n"
        "p.stdout.readline(); print(p.pid, flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        server = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    server.wait(timeout=60.0)
    assert not server.is_running()


def test_it_starts_at_a_port_where_one_has_just_ended():
    first = start("--no-rendering")
    with first:
        port = ready_port(first)
        client_of(port).get_world()
        first.kill()
        first.wait()
    again = start("--no-rendering", "--port", str(port))
    with again:
        assert ready_port(again) == port
        again.kill()


def test_a_client_killed_in_the_middle_of_it_stops_nobody(port):
    world = synchronous_world(client_of(port))
    script = (
        "import carla, time\n"
        f"w = carla.Client('127.0.0.1', {port}).get_world()\n"
        "w.on_tick(lambda s: None)\n"
        "c = w.get_blueprint_library().find('sensor.camera.rgb')\n"
        "s = w.spawn_actor(c, carla.Transform()); s.listen(lambda image: time.sleep(1))\n"
        "print('listening', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline().strip() == "listening"
        first = [world.tick() for _ in range(5)][-1]
        other.send_signal(signal.SIGKILL)
    assert [world.tick() for _ in range(30)] == list(range(first + 1, first + 31))


def test_a_reader_that_stops_reading_is_cut_off_and_the_clock_goes_on(port):
    """It fills its limit of unread pictures, gets its grace period, and is then the only one to lose them."""
    client = client_of(port)
    world = synchronous_world(client)
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute("image_size_x", "1920")
    blueprint.set_attribute("image_size_y", "1080")
    world.spawn_actor(blueprint, carla.Transform())
    stream = next(k for k in range(2, 200) if _is_camera_stream(port, world, k))
    with socket.create_connection(("127.0.0.1", port + 1)) as sleeper:
        sleeper.sendall(struct.pack("<I", stream))
        begun = world.tick()
        for _ in range(12):
            last = world.tick()
    assert last == begun + 12
    assert answers(port)


def _is_camera_stream(port, world, stream):
    with socket.create_connection(("127.0.0.1", port + 1)) as reader:
        reader.settimeout(0.2)
        reader.sendall(struct.pack("<I", stream))
        time.sleep(0.05)
        world.tick()
        with contextlib.suppress(OSError):
            return len(reader.recv(4)) == 4
    return False


@pytest.mark.parametrize("seed", range(4))
def test_garbage_on_either_port_is_dropped_and_the_server_lives(port, seed):
    rng = random.Random(seed)
    for target in (port, port + 1):
        for size in (1, 4, 5, 100, 70_000):
            raw(target, rng.randbytes(size))
    assert answers(port)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\xdd\xff\xff\xff\xff",  # an array of four thousand million items
        b"\xc6\xff\xff\xff\xff",  # a binary of four gigabytes
        b"\x91" * 5000,  # arrays within arrays
        msgpack.packb([0, -1, "version", [[False]]]),
        msgpack.packb([0, 1, 2, 3]),
        msgpack.packb({"a": 1}),
        msgpack.packb([1, 1, None, None]),
    ],
)
def test_malformed_messages_are_dropped_and_the_server_lives(port, data):
    raw(port, data)
    assert answers(port)


def is_refusal(error, result):
    """A failed call's `Response<T>` begins with 0 and its `Response<void>` with true; 1 and false say it was done."""
    return error is not None or repr(result[0][0]) in ("0", "True")


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("no_such_call", []),
        ("version", [1, 2, 3]),
        ("spawn_actor", []),
        ("spawn_actor", [[1, "vehicle.audi.tt", []], None]),
        ("spawn_actor", [[1, "vehicle.audi.tt", 7], [[0, 0, 0], [0, 0, 0]]]),
        ("spawn_actor", [[1, ["unhashable"], []], [[0, 0, 0], [0, 0, 0]]]),
        ("spawn_actor", [[1, "sensor.camera.rgb", [["image_size_x", 2, "-5"]]], [[0, 0, 0], [0, 0, 0]]]),
        ("spawn_actor", [[1, "sensor.camera.rgb", [["fov", 3, "wide"]]], [[0, 0, 0], [0, 0, 0]]]),
        ("spawn_actor", [[1, "sensor.camera.rgb", [["sensor_tick", 3, "often"]]], [[0, 0, 0], [0, 0, 0]]]),
        ("apply_control_to_vehicle", [4, "hard left"]),
        ("set_episode_settings", [[True]]),
        ("set_episode_settings", [[True, False, [True, -1.0], True, 0.01, 10, 0.0, True, 0.0, 0.0, True]]),
        ("set_weather_parameters", [[1.0] * 3]),
        ("get_actors_by_id", [[[1], {}]]),
        ("destroy_actor", [{}]),
        ("destroy_actor", [1]),
        ("apply_batch", [7, False]),
        ("set_traffic_light_state", [1, 99]),
        ("set_traffic_light_green_time", [1, -4.0]),
        ("set_actor_transform", [1, [[1e400, 0, 0], [0, 0, 0]]]),
        ("set_vehicle_light_state", [1, 1 << 60]),
        ("register_vehicle", []),
        ("set_desired_speed", []),
        ("get_sensor_token", ["x"]),
    ],
)
def test_a_call_with_wrong_arguments_gets_an_error_and_harms_nothing(port, call, arguments):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(10.0)
        connection.sendall(msgpack.packb([0, 7, call, [[False], *arguments]]))
        kind, message_id, error, result = msgpack.unpackb(connection.recv(1 << 16), raw=False)
    assert (kind, message_id) == (1, 7)
    assert is_refusal(error, result)
    world = synchronous_world(client_of(port))
    assert world.tick() > 0


def test_a_batch_with_nonsense_answers_for_each_command(port):
    commands = [[], [[99, [1]]], [[2, [1]]], "x", [[0, [1]]]]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(msgpack.packb([0, 7, "apply_batch", [[False], commands, False]]))
        _, _, error, result = msgpack.unpackb(connection.recv(1 << 16), raw=False)
    assert error is None
    assert [answer[0][0] for answer in result] == [0] * len(commands)


def test_a_slow_client_is_no_reason_to_hang_another(port):
    """An unfinished message is waited for, while all other clients are answered."""
    whole = msgpack.packb([0, 9, "version", [[False]]])
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(whole[:5])
        assert answers(port)
        slow.sendall(whole[5:])
        slow.settimeout(10.0)
        assert msgpack.unpackb(slow.recv(1 << 16))[3] == [[1, "0.9.16"]]


def test_memory_does_not_grow_with_actors_come_and_gone(port):
    process = _server_of(port)
    client = client_of(port)
    world = synchronous_world(client)

    def churn(rounds):
        for _ in range(rounds):
            car = spawn_car(world)
            world.tick()
            car.destroy()
        return process.memory_info().rss

    churn(100)
    before = churn(1)
    assert churn(400) - before < 8 << 20


def _server_of(port):
    mine = psutil.Process(os.getpid()).children(recursive=True)
    return next(p for p in mine if any(c.laddr.port == port for c in p.net_connections("tcp") if c.status == "LISTEN"))
