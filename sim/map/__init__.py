"""OpenDRIVE: reading and checking it, lanes, routes, signals and road surfaces. No actors and no meshes."""
