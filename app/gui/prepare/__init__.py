"""The page on which a drive is set up: town, route, rig, policy, driver, study. Starts nothing itself."""
