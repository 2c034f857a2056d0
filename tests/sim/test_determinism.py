"""Same seed, same calls: everything that clients are sent is the same, byte for byte, whatever process computes it.

`python -m benchmarks.determinism` does the same for 2,000 ticks.
"""

from benchmarks.determinism import Drive, run_twice
from tests.sim.map.small_roads import two_part_road


def test_two_seeded_drives_after_preludes_of_different_lengths_are_the_same_byte_for_byte():
    """The second world runs by itself for longer, with lights and blinkers going, before its clock is taken over."""
    load = Drive(ticks=24, picture_every=0, sensors=("sensor.other.imu", "sensor.other.gnss"))
    first, second = run_twice(load, timeout_s=200.0, second_prelude_s=0.5)
    assert first == second
    assert len(set(first.snapshots)) == 24  # the world moves all the time
    assert len(set(first.kinds["other.imu"])) == 24


def test_two_runs_of_every_sensor_behind_a_car_send_the_same_data_byte_for_byte(tmp_path):
    road = tmp_path / "road.xodr"
    road.write_text(two_part_road(part_m=100.0))
    load = Drive(ticks=13, vehicles=3, picture_every=6, width=64, height=36, town=str(road))
    first, second = run_twice(load, timeout_s=200.0, second_prelude_s=0.33)
    assert first == second
    assert len(set(first.pictures)) == 3  # the camera moves with its car
    assert {kind: len(hashes) for kind, hashes in first.kinds.items()} == {
        **dict.fromkeys(("snapshot", "lamps", "other.imu", "other.gnss", "other.radar"), 13),
        **dict.fromkeys(("lidar.ray_cast", "lidar.ray_cast_semantic"), 13),
        "camera": 3,
    }
