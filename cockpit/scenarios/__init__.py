"""Situations that a policy fails in: Bench2Drive's scenario types, played by calls of `carla.Client` alone.

A route file names them (`cockpit.route.scenario_spec`), the `catalogue` knows how each is built from behaviour trees,
the `director` plays those of a route while the session drives, and `judge` says whether the ego came through. Route
files are not read here.
"""
