"""Policies behind AlpaSim's `egodriver` gRPC contract as a `PolicyDriver`. Ours are served by it, too."""
