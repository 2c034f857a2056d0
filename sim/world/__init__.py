"""The world's state and its step: actors, blueprints, collisions, snapshots. No sockets and no OpenGL."""
