"""The VLA in a process of its own: its owner, the worker, and the messages between them. No model is defined here."""
