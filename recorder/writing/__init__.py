"""From ticks to segments while a drive runs: the ring of past seconds, what belongs to a takeover, the writer thread."""
