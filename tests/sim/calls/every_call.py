"""Every public method of the CARLA client library, each driven once against a running server.

A program of its own (`python every_call.py PORT`): a call that crashes or hangs the library does so in its own process,
not in that of the tests. It prints one JSON line a call: its name, and how it ended.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import carla

from tests.sim.calls.one_of_everything import (
    TIMEOUT_S,
    Things,
    box,
    junction,
    lamps,
    landmark,
    listen,
    on_tick,
    road,
    spawn_and_destroy,
    things,
    wait_for_tick,
)

Table = dict[str, Callable[[Things], object]]

ACTOR: Table = {
    "add_angular_impulse": lambda t: t.vehicle.add_angular_impulse(t.up),
    "add_force": lambda t: t.vehicle.add_force(t.up),
    "add_impulse": lambda t: t.vehicle.add_impulse(t.up),
    "add_torque": lambda t: t.vehicle.add_torque(t.up),
    "destroy": spawn_and_destroy,
    "disable_constant_velocity": lambda t: t.vehicle.disable_constant_velocity(),
    "enable_constant_velocity": lambda t: t.vehicle.enable_constant_velocity(carla.Vector3D(1.0, 0.0, 0.0)),
    "get_acceleration": lambda t: t.vehicle.get_acceleration(),
    "get_angular_velocity": lambda t: t.vehicle.get_angular_velocity(),
    "get_bone_names": lambda t: t.walker.get_bone_names(),
    "get_bone_relative_transforms": lambda t: t.walker.get_bone_relative_transforms(),
    "get_bone_world_transforms": lambda t: t.walker.get_bone_world_transforms(),
    "get_component_names": lambda t: t.vehicle.get_component_names(),
    "get_component_relative_transform": lambda t: t.vehicle.get_component_relative_transform("front-blinker-r-1"),
    "get_component_world_transform": lambda t: t.vehicle.get_component_world_transform("front-blinker-r-1"),
    "get_location": lambda t: t.vehicle.get_location(),
    "get_socket_names": lambda t: t.vehicle.get_socket_names(),
    "get_socket_relative_transforms": lambda t: t.vehicle.get_socket_relative_transforms(),
    "get_socket_world_transforms": lambda t: t.vehicle.get_socket_world_transforms(),
    "get_transform": lambda t: t.vehicle.get_transform(),
    "get_velocity": lambda t: t.vehicle.get_velocity(),
    "get_world": lambda t: t.vehicle.get_world(),
    "set_collisions": lambda t: t.vehicle.set_collisions(True),
    "set_enable_gravity": lambda t: t.vehicle.set_enable_gravity(True),
    "set_location": lambda t: t.vehicle.set_location(t.here),
    "set_simulate_physics": lambda t: t.vehicle.set_simulate_physics(True),
    "set_target_angular_velocity": lambda t: t.vehicle.set_target_angular_velocity(t.up),
    "set_target_velocity": lambda t: t.vehicle.set_target_velocity(t.up),
    "set_transform": lambda t: t.vehicle.set_transform(t.places[0]),
}

VEHICLE: Table = {
    "apply_ackermann_control": lambda t: t.vehicle.apply_ackermann_control(carla.VehicleAckermannControl(speed=3.0)),
    "apply_ackermann_controller_settings": lambda t: t.vehicle.apply_ackermann_controller_settings(
        carla.AckermannControllerSettings()
    ),
    "apply_control": lambda t: t.vehicle.apply_control(carla.VehicleControl(throttle=0.3)),
    "apply_physics_control": lambda t: t.vehicle.apply_physics_control(t.vehicle.get_physics_control()),
    "close_door": lambda t: t.vehicle.close_door(carla.VehicleDoor.FL),
    "enable_carsim": lambda t: t.vehicle.enable_carsim("none.sim"),
    "enable_chrono_physics": lambda t: t.vehicle.enable_chrono_physics(10, 0.01, "a", "b", "c", "d"),
    "get_ackermann_controller_settings": lambda t: t.vehicle.get_ackermann_controller_settings(),
    "get_control": lambda t: t.vehicle.get_control(),
    "get_failure_state": lambda t: t.vehicle.get_failure_state(),
    "get_light_state": lambda t: t.vehicle.get_light_state(),
    "get_physics_control": lambda t: t.vehicle.get_physics_control(),
    "get_speed_limit": lambda t: t.vehicle.get_speed_limit(),
    "get_telemetry_data": lambda t: t.vehicle.get_telemetry_data(),
    "get_traffic_light": lambda t: t.vehicle.get_traffic_light(),
    "get_traffic_light_state": lambda t: t.vehicle.get_traffic_light_state(),
    "get_vehicle_bone_world_transforms": lambda t: t.vehicle.get_vehicle_bone_world_transforms(),
    "get_wheel_pitch_angle": lambda t: t.vehicle.get_wheel_pitch_angle(carla.VehicleWheelLocation.FL_Wheel),
    "get_wheel_steer_angle": lambda t: t.vehicle.get_wheel_steer_angle(carla.VehicleWheelLocation.FL_Wheel),
    "is_at_traffic_light": lambda t: t.vehicle.is_at_traffic_light(),
    "open_door": lambda t: t.vehicle.open_door(carla.VehicleDoor.FL),
    "restore_physx_physics": lambda t: t.vehicle.restore_physx_physics(),
    "set_autopilot": lambda t: t.vehicle.set_autopilot(True, 8000),
    "set_light_state": lambda t: t.vehicle.set_light_state(carla.VehicleLightState.LowBeam),
    "set_wheel_pitch_angle": lambda t: t.vehicle.set_wheel_pitch_angle(carla.VehicleWheelLocation.FL_Wheel, 5.0),
    "set_wheel_steer_direction": lambda t: t.vehicle.set_wheel_steer_direction(
        carla.VehicleWheelLocation.FL_Wheel, 5.0
    ),
    "show_debug_telemetry": lambda t: t.vehicle.show_debug_telemetry(True),
    "use_carsim_road": lambda t: t.vehicle.use_carsim_road(True),
}

WALKER: Table = {
    "apply_control": lambda t: t.walker.apply_control(carla.WalkerControl(speed=1.0)),
    "blend_pose": lambda t: t.walker.blend_pose(0.5),
    "get_bones": lambda t: t.walker.get_bones(),
    "get_control": lambda t: t.walker.get_control(),
    "get_pose_from_animation": lambda t: t.walker.get_pose_from_animation(),
    "hide_pose": lambda t: t.walker.hide_pose(),
    "set_bones": lambda t: t.walker.set_bones(carla.WalkerBoneControlIn([("crl_hand__R", carla.Transform())])),
    "show_pose": lambda t: t.walker.show_pose(),
}

LIGHT: Table = {
    "freeze": lambda t: t.light.freeze(False),
    "get_affected_lane_waypoints": lambda t: t.light.get_affected_lane_waypoints(),
    "get_elapsed_time": lambda t: t.light.get_elapsed_time(),
    "get_green_time": lambda t: t.light.get_green_time(),
    "get_group_traffic_lights": lambda t: t.light.get_group_traffic_lights(),
    "get_light_boxes": lambda t: t.light.get_light_boxes(),
    "get_opendrive_id": lambda t: t.light.get_opendrive_id(),
    "get_pole_index": lambda t: t.light.get_pole_index(),
    "get_red_time": lambda t: t.light.get_red_time(),
    "get_state": lambda t: t.light.get_state(),
    "get_stop_waypoints": lambda t: t.light.get_stop_waypoints(),
    "get_yellow_time": lambda t: t.light.get_yellow_time(),
    "is_frozen": lambda t: t.light.is_frozen(),
    "reset_group": lambda t: t.light.reset_group(),
    "set_green_time": lambda t: t.light.set_green_time(9.0),
    "set_red_time": lambda t: t.light.set_red_time(2.0),
    "set_state": lambda t: t.light.set_state(carla.TrafficLightState.Green),
    "set_yellow_time": lambda t: t.light.set_yellow_time(3.0),
}

SENSOR: Table = {
    "is_listening": lambda t: t.camera.is_listening(),
    "listen": listen,
    "stop": lambda t: t.camera.stop(),
}

SERVER_SIDE_SENSOR: Table = {
    "disable_for_ros": lambda t: t.camera.disable_for_ros(),
    "enable_for_ros": lambda t: t.camera.enable_for_ros(),
    "enable_gbuffers": lambda t: t.camera.enable_gbuffers(False),
    "get_ignored_vehicles": lambda t: t.camera.get_ignored_vehicles(),
    "is_enabled_for_ros": lambda t: t.camera.is_enabled_for_ros(),
    "is_listening_gbuffer": lambda t: t.camera.is_listening_gbuffer(0),
    "listen_to_gbuffer": lambda t: t.camera.listen_to_gbuffer(0, lambda _image: None),
    "send": lambda t: t.camera.send("hello"),
    "set_ignored_vehicles": lambda t: t.camera.set_ignored_vehicles([t.vehicle.id]),
    "stop_gbuffer": lambda t: t.camera.stop_gbuffer(0),
}

CONTROLLER: Table = {
    "start": lambda t: t.controller.start(),
    "set_max_speed": lambda t: t.controller.set_max_speed(1.2),
    "go_to_location": lambda t: t.controller.go_to_location(t.here),
    "stop": lambda t: t.controller.stop(),
}

MANAGER: Table = {
    "auto_lane_change": lambda t: t.manager.auto_lane_change(t.vehicle, True),
    "collision_detection": lambda t: t.manager.collision_detection(t.vehicle, t.walker, True),
    "distance_to_leading_vehicle": lambda t: t.manager.distance_to_leading_vehicle(t.vehicle, 3.0),
    "force_lane_change": lambda t: t.manager.force_lane_change(t.vehicle, True),
    "get_all_actions": lambda t: t.manager.get_all_actions(t.vehicle),
    "get_next_action": lambda t: t.manager.get_next_action(t.vehicle),
    "get_port": lambda t: t.manager.get_port(),
    "global_lane_offset": lambda t: t.manager.global_lane_offset(0.0),
    "global_percentage_speed_difference": lambda t: t.manager.global_percentage_speed_difference(0.0),
    "ignore_lights_percentage": lambda t: t.manager.ignore_lights_percentage(t.vehicle, 0.0),
    "ignore_signs_percentage": lambda t: t.manager.ignore_signs_percentage(t.vehicle, 0.0),
    "ignore_vehicles_percentage": lambda t: t.manager.ignore_vehicles_percentage(t.vehicle, 0.0),
    "ignore_walkers_percentage": lambda t: t.manager.ignore_walkers_percentage(t.vehicle, 0.0),
    "keep_slow_lane_rule_percentage": lambda t: t.manager.keep_slow_lane_rule_percentage(t.vehicle, 0.0),
    "random_left_lanechange_percentage": lambda t: t.manager.random_left_lanechange_percentage(t.vehicle, 0.0),
    "random_right_lanechange_percentage": lambda t: t.manager.random_right_lanechange_percentage(t.vehicle, 0.0),
    "set_boundaries_respawn_dormant_vehicles": lambda t: t.manager.set_boundaries_respawn_dormant_vehicles(25.0, 700.0),
    "set_desired_speed": lambda t: t.manager.set_desired_speed(t.vehicle, 30.0),
    "set_global_distance_to_leading_vehicle": lambda t: t.manager.set_global_distance_to_leading_vehicle(2.0),
    "set_hybrid_physics_mode": lambda t: t.manager.set_hybrid_physics_mode(False),
    "set_hybrid_physics_radius": lambda t: t.manager.set_hybrid_physics_radius(50.0),
    "set_osm_mode": lambda t: t.manager.set_osm_mode(False),
    "set_path": lambda t: t.manager.set_path(t.vehicle, [t.here]),
    "set_random_device_seed": lambda t: t.manager.set_random_device_seed(3),
    "set_respawn_dormant_vehicles": lambda t: t.manager.set_respawn_dormant_vehicles(False),
    "set_route": lambda t: t.manager.set_route(t.vehicle, ["Straight"]),
    "set_synchronous_mode": lambda t: t.manager.set_synchronous_mode(True),
    "update_vehicle_lights": lambda t: t.manager.update_vehicle_lights(t.vehicle, True),
    "vehicle_lane_offset": lambda t: t.manager.vehicle_lane_offset(t.vehicle, 0.0),
    "vehicle_percentage_speed_difference": lambda t: t.manager.vehicle_percentage_speed_difference(t.vehicle, 0.0),
    "shut_down": lambda t: t.manager.shut_down(),
}

DEBUG: Table = {
    "clear_debug_shape": lambda t: t.world.debug.clear_debug_shape(),
    "clear_debug_string": lambda t: t.world.debug.clear_debug_string(),
    "draw_arrow": lambda t: t.world.debug.draw_arrow(t.here, t.here),
    "draw_box": lambda t: t.world.debug.draw_box(box(), carla.Rotation()),
    "draw_hud_arrow": lambda t: t.world.debug.draw_hud_arrow(t.here, t.here),
    "draw_hud_box": lambda t: t.world.debug.draw_hud_box(box(), carla.Rotation()),
    "draw_hud_line": lambda t: t.world.debug.draw_hud_line(t.here, t.here),
    "draw_hud_point": lambda t: t.world.debug.draw_hud_point(t.here),
    "draw_line": lambda t: t.world.debug.draw_line(t.here, t.here),
    "draw_point": lambda t: t.world.debug.draw_point(t.here),
    "draw_string": lambda t: t.world.debug.draw_string(t.here, "text"),
}

LAMPS: Table = {
    "get_all_lights": lambda t: t.lamps.get_all_lights(),
    "get_color": lambda t: t.lamps.get_color(lamps(t)),
    "get_intensity": lambda t: t.lamps.get_intensity(lamps(t)),
    "get_light_group": lambda t: t.lamps.get_light_group(lamps(t)),
    "get_light_state": lambda t: t.lamps.get_light_state(lamps(t)),
    "get_turned_off_lights": lambda t: t.lamps.get_turned_off_lights(carla.LightGroup.Street),
    "get_turned_on_lights": lambda t: t.lamps.get_turned_on_lights(carla.LightGroup.Street),
    "is_active": lambda t: t.lamps.is_active(lamps(t)),
    "set_active": lambda t: t.lamps.set_active(lamps(t), [True] * len(lamps(t))),
    "set_color": lambda t: t.lamps.set_color(lamps(t), carla.Color(9, 9, 9)),
    "set_colors": lambda t: t.lamps.set_colors(lamps(t), [carla.Color(9, 9, 9)] * len(lamps(t))),
    "set_day_night_cycle": lambda t: t.lamps.set_day_night_cycle(False),
    "set_intensities": lambda t: t.lamps.set_intensities(lamps(t), [10.0] * len(lamps(t))),
    "set_intensity": lambda t: t.lamps.set_intensity(lamps(t), 10.0),
    "set_light_group": lambda t: t.lamps.set_light_group(lamps(t), carla.LightGroup.Street),
    "set_light_groups": lambda t: t.lamps.set_light_groups(lamps(t), [carla.LightGroup.Street] * len(lamps(t))),
    "set_light_state": lambda t: t.lamps.set_light_state(lamps(t), carla.LightState()),
    "set_light_states": lambda t: t.lamps.set_light_states(lamps(t), [carla.LightState()] * len(lamps(t))),
    "turn_off": lambda t: t.lamps.turn_off(lamps(t)),
    "turn_on": lambda t: t.lamps.turn_on(lamps(t)),
}

_DIFFUSE = carla.MaterialParameter.Diffuse
WORLD: Table = {
    "apply_color_texture_to_object": lambda t: t.world.apply_color_texture_to_object("x", _DIFFUSE, t.small),
    "apply_color_texture_to_objects": lambda t: t.world.apply_color_texture_to_objects(["x"], _DIFFUSE, t.small),
    "apply_float_color_texture_to_object": lambda t: t.world.apply_float_color_texture_to_object(
        "x", _DIFFUSE, t.small_float
    ),
    "apply_float_color_texture_to_objects": lambda t: t.world.apply_float_color_texture_to_objects(
        ["x"], _DIFFUSE, t.small_float
    ),
    "apply_settings": lambda t: t.world.apply_settings(t.world.get_settings()),
    "apply_textures_to_object": lambda t: t.world.apply_textures_to_object(
        "x", t.small, t.small_float, t.small_float, t.small_float
    ),
    "apply_textures_to_objects": lambda t: t.world.apply_textures_to_objects(
        ["x"], t.small, t.small_float, t.small_float, t.small_float
    ),
    "cast_ray": lambda t: t.world.cast_ray(t.here + carla.Location(z=5.0), t.here - carla.Location(z=5.0)),
    "enable_environment_objects": lambda t: t.world.enable_environment_objects({1}, True),
    "freeze_all_traffic_lights": lambda t: t.world.freeze_all_traffic_lights(False),
    "get_actor": lambda t: t.world.get_actor(t.vehicle.id),
    "get_actors": lambda t: t.world.get_actors(),
    "get_blueprint_library": lambda t: t.world.get_blueprint_library(),
    "get_environment_objects": lambda t: t.world.get_environment_objects(carla.CityObjectLabel.Any),
    "get_imui_sensor_gravity": lambda t: t.world.get_imui_sensor_gravity(),
    "get_level_bbs": lambda t: t.world.get_level_bbs(carla.CityObjectLabel.Any),
    "get_lightmanager": lambda t: t.world.get_lightmanager(),
    "get_map": lambda t: t.world.get_map(),
    "get_names_of_all_objects": lambda t: t.world.get_names_of_all_objects(),
    "get_random_location_from_navigation": lambda t: t.world.get_random_location_from_navigation(),
    "get_settings": lambda t: t.world.get_settings(),
    "get_snapshot": lambda t: t.world.get_snapshot(),
    "get_spectator": lambda t: t.world.get_spectator(),
    "get_traffic_light": lambda t: t.world.get_traffic_light(landmark(t)),
    "get_traffic_light_from_opendrive_id": lambda t: t.world.get_traffic_light_from_opendrive_id(
        t.light.get_opendrive_id()
    ),
    "get_traffic_lights_from_waypoint": lambda t: t.world.get_traffic_lights_from_waypoint(road(t), 100.0),
    "get_traffic_lights_in_junction": lambda t: t.world.get_traffic_lights_in_junction(junction(t)),
    "get_traffic_sign": lambda t: t.world.get_traffic_sign(landmark(t)),
    "get_vehicles_light_states": lambda t: t.world.get_vehicles_light_states(),
    "get_weather": lambda t: t.world.get_weather(),
    "ground_projection": lambda t: t.world.ground_projection(t.here + carla.Location(z=5.0), 100.0),
    "load_map_layer": lambda t: t.world.load_map_layer(carla.MapLayer.Buildings),
    "on_tick": on_tick,
    "project_point": lambda t: t.world.project_point(t.here + carla.Location(z=5.0), carla.Vector3D(0, 0, -1), 100.0),
    "remove_on_tick": on_tick,
    "reset_all_traffic_lights": lambda t: t.world.reset_all_traffic_lights(),
    "set_annotations_traverse_translucency": lambda t: t.world.set_annotations_traverse_translucency(True),
    "set_imui_sensor_gravity": lambda t: t.world.set_imui_sensor_gravity(9.81),
    "set_pedestrians_cross_factor": lambda t: t.world.set_pedestrians_cross_factor(0.1),
    "set_pedestrians_seed": lambda t: t.world.set_pedestrians_seed(1),
    "set_weather": lambda t: t.world.set_weather(carla.WeatherParameters(cloudiness=10.0)),
    "spawn_actor": lambda t: t.world.spawn_actor(t.library.find("vehicle.audi.tt"), t.places[12]),
    "tick": lambda t: t.world.tick(),
    "try_spawn_actor": lambda t: t.world.try_spawn_actor(t.library.find("vehicle.audi.tt"), t.places[12]),
    "unload_map_layer": lambda t: t.world.unload_map_layer(carla.MapLayer.Buildings),
    "wait_for_tick": wait_for_tick,
}

_LOG = "every_call.log"
CLIENT: Table = {
    "apply_batch": lambda t: t.client.apply_batch(
        [carla.command.ApplyVehicleControl(t.vehicle, carla.VehicleControl())]
    ),
    "apply_batch_sync": lambda t: t.client.apply_batch_sync([carla.command.SetAutopilot(t.vehicle, False)], True),
    "get_available_maps": lambda t: t.client.get_available_maps(),
    "get_client_version": lambda t: t.client.get_client_version(),
    "get_required_files": lambda t: t.client.get_required_files("", False),
    "get_server_version": lambda t: t.client.get_server_version(),
    "get_trafficmanager": lambda t: t.client.get_trafficmanager(8000),
    "get_world": lambda t: t.client.get_world(),
    "set_files_base_folder": lambda t: t.client.set_files_base_folder(t.folder),
    "request_file": lambda t: t.client.request_file(t.client.get_required_files("", False)[0]),
    "start_recorder": lambda t: t.client.start_recorder(_LOG, True),
    "stop_recorder": lambda t: (t.world.tick(), t.client.stop_recorder()),
    "show_recorder_file_info": lambda t: t.client.show_recorder_file_info(_LOG, True),
    "show_recorder_collisions": lambda t: t.client.show_recorder_collisions(_LOG, "a", "a"),
    "show_recorder_actors_blocked": lambda t: t.client.show_recorder_actors_blocked(_LOG, 1.0, 1.0),
    "replay_file": lambda t: t.client.replay_file(_LOG, 0.0, 0.0, 0),
    "stop_replayer": lambda t: t.client.stop_replayer(True),
    "set_replayer_ignore_hero": lambda t: t.client.set_replayer_ignore_hero(False),
    "set_replayer_ignore_spectator": lambda t: t.client.set_replayer_ignore_spectator(True),
    "set_replayer_time_factor": lambda t: t.client.set_replayer_time_factor(1.0),
    "set_timeout": lambda t: t.client.set_timeout(TIMEOUT_S),
    "load_world_if_different": lambda t: t.client.load_world_if_different("Millbrook"),
    # These end the episode, so nothing of it is used after them.
    "generate_opendrive_world": lambda t: t.client.generate_opendrive_world(t.world.get_map().to_opendrive()),
    "load_world": lambda t: t.client.load_world("Millbrook"),
    "reload_world": lambda t: t.client.reload_world(),
}

TABLES: dict[str, Table] = {
    "Actor": ACTOR,
    "Vehicle": VEHICLE,
    "Walker": WALKER,
    "TrafficLight": LIGHT,
    "Sensor": SENSOR,
    "ServerSideSensor": SERVER_SIDE_SENSOR,
    "WalkerAIController": CONTROLLER,
    "TrafficManager": MANAGER,
    "DebugHelper": DEBUG,
    "LightManager": LAMPS,
    "World": WORLD,
    "Client": CLIENT,
}
"""In the order in which they are driven; the client's come last because they end the episode."""


def main(port: int) -> None:
    t = things(port)
    for owner, table in TABLES.items():
        for name, call in table.items():
            began_s = time.monotonic()
            try:
                call(t)
                outcome = "answered"
            except (RuntimeError, TypeError) as error:
                outcome = f"{type(error).__name__}: {error}"
            took_s = time.monotonic() - began_s
            sys.stdout.write(json.dumps([f"{owner}.{name}", outcome, took_s]) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
