"""How background drivers go round what stands in their only lane, by the lane of those who come towards them."""
