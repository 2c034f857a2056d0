"""Cameras that follow the eye in a world: the picture of a tick is drawn from where they were put for that tick."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cockpit.config import SessionConfig
from cockpit.rig.camera_spec import CameraSpec
from cockpit.route.files import read_route, shipped_routes
from cockpit.session.setup import set_stage
from cockpit.world.simulator import launch_simulator
from recorder.schema import Control, Pose


def test_a_camera_that_is_put_elsewhere_draws_what_one_that_was_built_there_draws():
    built = CameraSpec("there", 160, 90, pose=Pose(x=1.0, y=0.4, z=2.0, yaw=0.3))
    moved = replace(built, name="moved", pose=Pose(x=1.3, y=0.0, z=1.5))
    with launch_simulator() as simulator:
        config = SessionConfig(port=simulator.port, realtime=False)
        with set_stage(config, [built, moved], read_route(shipped_routes("millbrook_train"))) as stage:
            stage.world.apply(Control(brake=1.0))
            before = stage.world.tick().cameras
            stage.world.aim_cameras({"moved": built.pose})
            after = stage.world.tick().cameras
    assert np.abs(before["moved"].image.astype(int) - before["there"].image).mean() > 3
    np.testing.assert_array_equal(after["moved"].image, after["there"].image)
    assert after["moved"].pose_in_ego == built.pose
