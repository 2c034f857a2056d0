"""The VLA in a process of its own: the process's owner, the worker, and the wire between them."""
