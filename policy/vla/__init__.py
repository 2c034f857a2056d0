"""The VLA: observation, tokens, model, constrained decoding and the checkpoint folder. Knows nothing of the expert."""
