"""Going round what stands in the only lane of a direction."""
