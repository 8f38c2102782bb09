"""Learning: recipes and the loops that follow them."""
