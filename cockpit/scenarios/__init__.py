"""Scenes that a policy fails in: Bench2Drive's scenario types, played around the ego by calls of `carla.Client` alone.

A route file names them (`spec`), the `catalogue` knows how each is built from behaviour trees, the `director` plays
those of a route while the session drives, and `judge` says whether the ego came through.
"""
