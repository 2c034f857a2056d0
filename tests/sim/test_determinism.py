"""Same seed, same calls: the same world and the same pictures, byte for byte, whatever process computes them.

`python -m benchmarks.determinism` does the same for 2,000 ticks.
"""

from benchmarks.determinism import Drive, run_twice
from tests.sim.map.small_roads import two_part_road


def test_two_runs_of_a_seeded_drive_with_30_vehicles_and_walkers_are_the_same_byte_for_byte():
    first, second = run_twice(Drive(ticks=24, picture_every=0), timeout_s=120.0)
    assert first.snapshots == second.snapshots
    assert len(set(first.snapshots)) == 24  # the world moves all the time


def test_two_runs_of_a_camera_behind_a_car_send_the_same_pictures_byte_for_byte(tmp_path):
    road = tmp_path / "road.xodr"
    road.write_text(two_part_road(part_m=100.0))
    load = Drive(ticks=13, vehicles=3, picture_every=6, width=64, height=36, town=str(road))
    first, second = run_twice(load, timeout_s=120.0)
    assert first == second
    assert len(set(first.pictures)) == 3  # the camera moves with its car
