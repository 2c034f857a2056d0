"""What stands beside the streets of a town besides houses and trees: the models of such things, and where they go."""
