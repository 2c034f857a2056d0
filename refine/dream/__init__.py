"""Takeover scenes rebuilt in the simulator, to be driven again from the recorded state.

Nothing is trained or scored here.
"""
