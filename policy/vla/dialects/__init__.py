"""How an observation is put to a model and how its answer becomes a plan: one file a dialect, and what they share."""
