"""The base class with the interface of leaderboard 2.0."""


class AutonomousAgent:
    def __init__(self, carla_host, carla_port, debug=False):
        self.place = (carla_host, carla_port)
        self._global_plan = None
        self._global_plan_world_coord = None

    def setup(self, path_to_conf_file):
        pass

    def sensors(self):
        return []

    def run_step(self, input_data, timestamp):
        raise NotImplementedError

    def destroy(self):
        pass

    def set_global_plan(self, global_plan_gps, global_plan_world_coord):
        self._global_plan = global_plan_gps
        self._global_plan_world_coord = global_plan_world_coord
