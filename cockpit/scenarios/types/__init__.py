"""The scenario types, one module per group of CARLA's names; `cockpit.scenarios.catalogue` lists them.

What they are built from (leaves of behaviour trees, places, spawning) is in `cockpit.scenarios`.
"""
