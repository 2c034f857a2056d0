"""Closed-loop drives, their measures and scores, and files of results.

Results are shown in `refine.report`; no policy is changed here.
"""
