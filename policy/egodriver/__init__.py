"""Policies behind AlpaSim's `egodriver` gRPC contract as a `PolicyDriver`. Serving our own by it is not here."""
