"""What a rig may hold beside flat screens: edge vectors, mirrors, a cluster, warp meshes, head tracking."""

from __future__ import annotations

import math

import numpy as np
import pytest
import yaml

from cockpit.config import ConfigError
from cockpit.rig.projection import apply_homography, screen_corners
from cockpit.rig.rig import load_rig

CENTRE = {"name": "centre", "position_m": [1.0, 0.0, 0.0], "size_m": [1.0, 0.6], "resolution_px": [640, 360]}
REAR = {"name": "rear", "position_in_vehicle_m": [0.5, 0.0, 1.3], "inset_on": "centre"}


def rig_of(tmp_path, *screens, **changes):
    path = tmp_path / "rig.yaml"
    data = {"name": "mine", "eye_in_vehicle_m": [0.3, -0.3, 1.3], "screens": list(screens) or [CENTRE], **changes}
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return load_rig(path)


def test_edge_vectors_say_the_same_as_angles_and_size(tmp_path):
    yaw = math.radians(-50)
    right = [2.0 * -math.sin(yaw), 2.0 * math.cos(yaw), 0.0]
    base = {"name": "left", "position_m": [1.0, -1.5, 0.2], "resolution_px": [800, 600]}
    by_edges = rig_of(tmp_path, {**base, "edges_m": [right, [0.0, 0.0, 1.5]]}).screens[0]
    by_angles = rig_of(tmp_path, {**base, "yaw_deg": -50.0, "size_m": [2.0, 1.5]}).screens[0]
    np.testing.assert_allclose(screen_corners(by_edges.plane()), screen_corners(by_angles.plane()), atol=1e-9)


def test_a_floor_by_its_edges(tmp_path):
    floor = {"name": "floor", "position_m": [1.0, 0.0, -1.2], "resolution_px": [640, 640]}
    screen = rig_of(tmp_path, {**floor, "edges_m": [[0.0, 2.0, 0.0], [2.0, 0.0, 0.0]]}).screens[0]
    assert screen.pitch_deg == pytest.approx(-90.0)
    assert screen_corners(screen.plane())[0] == pytest.approx((2.0, -1.0, -1.2))  # upper left: far left


@pytest.mark.parametrize(
    ("screen", "advice"),
    [
        ({**CENTRE, "edges_m": [[0, 1, 0], [0, 0, 1]]}, "say the same twice"),
        (
            {"name": "a", "position_m": [1, 0, 0], "resolution_px": [64, 64], "edges_m": [[0, 1, 0], [0, 0.5, 1]]},
            "warp",
        ),
        ({**CENTRE, "warp": "nowhere.csv"}, "cannot be read"),
        ({**CENTRE, "blend": {"left": 0.7}}, "less than or equal to 0.5"),
        ({**CENTRE, "gain": [1.0, 2.0, 1.0]}, "less than or equal to 1"),
    ],
)
def test_a_wrong_screen_says_what_would_be_right(tmp_path, screen, advice):
    with pytest.raises(ConfigError, match=advice):
        rig_of(tmp_path, screen)


def test_a_warp_mesh_is_found_beside_the_rig_file(tmp_path):
    rows = [f"{u},{v},{1 - 0.1 * (u - 0.5) ** 2},{u - 0.5},{0.3 - 0.6 * v}" for u in (0, 0.5, 1) for v in (0, 1)]
    (tmp_path / "curved.csv").write_text("\n".join(["u,v,x_m,y_m,z_m", *rows]))
    view = rig_of(tmp_path, {**CENTRE, "warp": "curved.csv"}).views()[0]
    assert view.points_m is not None
    assert view.points_m.shape == (2, 3, 3)


def test_a_mirror_is_a_camera_of_its_own_that_is_turned_over(tmp_path):
    rig = rig_of(tmp_path, mirrors=[REAR])
    assert [camera.name for camera in rig.cameras()] == ["centre", "rear"]
    view = rig.views()[1]
    assert view.camera.pose.yaw == pytest.approx(math.pi)
    width = view.camera.width
    np.testing.assert_allclose(apply_homography(view.homography, [[0, 7], [width, 7]]), [[width, 7], [0, 7]])


def test_a_cluster_needs_no_camera(tmp_path):
    rig = rig_of(tmp_path, cluster={"display": 1})
    assert [camera.name for camera in rig.cameras()] == ["centre"]
    assert [inset.name for inset in rig.insets()] == ["cluster"]


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"mirrors": [{**REAR, "inset_on": "middle"}]}, "inset_on must be one of the screens: centre"),
        ({"mirrors": [{**REAR, "name": "centre"}]}, "used twice"),
        ({"mirrors": [{**REAR, "fov_deg": 170}]}, "less than or equal to 150"),
        ({"head": {"source": "vrpn"}}, "needs the name of its tracker"),
        ({"head": {"source": "natnet", "axes": ["x", "x", "z"]}}, "must name x, y and z once each"),
        ({"head": {"sauce": "natnet"}}, "did you mean 'source'"),
    ],
)
def test_a_wrong_part_says_what_would_be_right(tmp_path, changes, advice):
    with pytest.raises(ConfigError, match=advice):
        rig_of(tmp_path, **changes)


def test_head_tracking_makes_the_cameras_cover_the_screens_from_wherever_the_head_may_be(tmp_path):
    still = rig_of(tmp_path).cameras()[0]
    tracked = rig_of(tmp_path, head={"source": "natnet", "range_m": [0.1, 0.2, 0.1]}).cameras()[0]
    assert tracked.width > still.width
    assert tracked.pose == still.pose
