"""A town's geometry from its map: roads, scenery, signs, meshes and the walkers' navigation. No OpenGL, no actors."""
