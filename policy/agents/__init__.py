"""Other people's policies: an agent of the CARLA leaderboard as a `PolicyDriver`, in a process of its own.

What runs inside that process, under the agent's own interpreter, is `policy.agents.runner`.
"""
