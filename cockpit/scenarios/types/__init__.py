"""The scenario types, one module per group of CARLA's names; `cockpit.scenarios.catalogue` lists them."""
