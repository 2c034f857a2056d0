"""One drive while it runs: what the application and the commands build a session from, its commands, and its status. No
widgets.
"""
