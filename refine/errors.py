"""What goes wrong in refinement that its user can do something about."""


class RefineError(Exception):
    """A dataset, an adapter or an evaluation cannot be made or read; the text says why and what to do."""
