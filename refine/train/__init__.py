"""Training: supervised steps of the small VLA, DPO, and merging an adapter into a policy folder.

What is learnt from comes ready from `refine.data`; nothing is driven here.
"""
