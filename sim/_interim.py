"""Stand-in until the traffic is in the tree."""


class Traffic:
    """Drives nobody."""

    def __init__(self, *_):
        pass

    def __getattr__(self, name):
        return lambda *_: None
