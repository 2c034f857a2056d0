"""Training: supervised steps of the small VLA, DPO, and merging an adapter into a policy folder."""
