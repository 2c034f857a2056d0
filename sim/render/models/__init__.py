"""The shapes of vehicles, walkers and the cabin as triangles."""
