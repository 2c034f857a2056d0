"""A leaderboard agent: steers at its global plan by its sensors, notes what it is given, and fails on order."""

import json
import math
import os
import sys
import time
from pathlib import Path

import carla
import sensors
from leaderboard.autoagents.autonomous_agent import AutonomousAgent

METRES_PER_DEGREE = math.pi * 6378137.0 / 180.0


def get_entry_point():
    return "Pilot"


class Pilot(AutonomousAgent):
    def setup(self, path_to_conf_file):
        self.orders = json.loads(Path(path_to_conf_file).read_text(encoding="utf-8"))
        if self.orders.get("fails") == "setup":
            raise ValueError("no weights in the folder")
        self.steps = 0
        if "path" in self.orders:
            self.takeover_plan = {"waypoints": self.orders["path"], "step_s": 0.25, "text": "straight on"}

    def sensors(self):
        if self.orders.get("fails") == "sensors":
            return [{"type": "sensor.camera.depth", "id": "DEPTH", **sensors.PLACE, **sensors.TURN}]
        return sensors.SENSORS if self.orders.get("senses", True) else sensors.SENSORS[3:6]

    def run_step(self, input_data, timestamp):
        self.steps += 1
        self._note(input_data, timestamp)
        if self.steps == self.orders.get("at"):
            return self._failed()
        latitude, longitude, _ = input_data["GPS"][1]
        compass, speed = input_data["IMU"][1][6], input_data["SPEED"][1]["speed"]
        steer = self._steer(latitude, longitude, compass)
        return carla.VehicleControl(throttle=0.5 if speed < 5.0 else 0.0, steer=steer)

    def destroy(self):
        self._write({"destroyed": True})

    def _steer(self, latitude, longitude, compass):
        """Pure pursuit of the plan 12 m ahead: GNSS is 0.5 m wrong at random."""
        scale = math.cos(math.radians(latitude)) * METRES_PER_DEGREE
        nose = compass - math.pi / 2.0  # the compass counts from the north, clockwise; yaw from the east
        for point, _ in self._global_plan:
            east, south = (point["lon"] - longitude) * scale, (latitude - point["lat"]) * METRES_PER_DEGREE
            ahead = east * math.cos(nose) + south * math.sin(nose)
            if ahead > 12.0:
                right = -east * math.sin(nose) + south * math.cos(nose)
                return max(-1.0, min(1.0, 0.4 * math.atan2(right, ahead)))
        return 0.0

    def _failed(self):
        how = self.orders["fails"]
        if how == "raises":
            return 1 / 0
        if how == "hangs":
            time.sleep(3600)
        if how == "exits":
            os._exit(3)
        if how == "plans nonsense":
            self.takeover_plan = {"waypoints": [1.0, 2.0]}
            return carla.VehicleControl()
        return None

    def _note(self, input_data, timestamp):
        frames = sorted({frame for frame, _ in input_data.values()})
        arrays = {tag: data for tag, (_, data) in input_data.items() if hasattr(data, "shape")}
        self._write(
            {
                "frames": frames,
                "timestamp": timestamp,
                "shapes": {tag: list(data.shape) for tag, data in arrays.items()},
                "types": {tag: str(data.dtype) for tag, data in arrays.items()},
                "brightest": int(input_data["Left"][1][..., :3].max()) if "Left" in input_data else 0,
                "speed": input_data["SPEED"][1]["speed"],
                "gps": list(input_data["GPS"][1]),
                "map": input_data["MAP"][1]["opendrive"] if "MAP" in input_data else "",
                "plan": [self._global_plan[0][0], self._global_plan_world_coord[0][0].location.x],
                "plan_length": len(self._global_plan_world_coord),
                "options": sorted({option.name for _, option in self._global_plan_world_coord}),
                "modules": [name for name in ("policy", "recorder", "cockpit") if name in sys.modules],
            }
        )

    def _write(self, entry):
        if "log" in self.orders:
            with Path(self.orders["log"]).open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
