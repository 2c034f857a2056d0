"""The program around a leaderboard agent, inside the agent's process; it imports nothing of this project.

It runs under the interpreter that the agent needs (Python 3.10 or newer, with `carla` and numpy).
"""
