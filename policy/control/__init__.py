"""From a planned trajectory to steering and pedals: geometry, motion and tracking. Knows no policy and no model."""
