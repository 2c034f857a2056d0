"""What a world refuses."""


class WorldError(Exception):
    """What the world cannot do (no such actor, no place to spawn), with a text for the client."""
