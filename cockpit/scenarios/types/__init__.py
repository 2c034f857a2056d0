"""The scenario types, one file a group of CARLA's names; `cockpit.scenarios.catalogue` lists them."""
