"""Lanes, routes along them, route files, and the scenario descriptions that such files carry.

Nothing is spawned here: scenes are `cockpit.scenarios`.
"""
