"""CARLA's wire: message packing, RPC framing and the sensors' streams. Knows nothing of the world."""
