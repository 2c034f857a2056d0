"""The compiled parts of contacts: which bodies are near each other, how they meet, what of the town is in the way."""
