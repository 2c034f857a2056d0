"""Segments to datasets, training, closed-loop evaluation and reports."""
