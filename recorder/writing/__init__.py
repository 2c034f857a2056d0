"""From ticks to segments while a drive runs: the ring of past seconds, where a segment begins and ends, the writer."""
