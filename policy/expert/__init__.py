"""The privileged driver that sees ground truth, and the safety driver that takes over with it. Knows nothing of
the VLA.
"""
