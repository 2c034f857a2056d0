"""CARLA's remote calls, one file a group; what they change is in the rooms below. No sockets."""
