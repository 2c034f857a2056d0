"""Takeovers and drives as data sets: preference pairs, samples, and their files. No model is trained here."""
