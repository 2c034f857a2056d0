"""The page that asks what to drive: town, route, rig, policy, driver, study."""
