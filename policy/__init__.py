"""Who drives when the human does not: the VLA, its process and wire, trajectory tracking, and the privileged expert."""
