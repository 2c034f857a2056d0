"""Closed-loop drives, their measures and scores, and files of results."""
