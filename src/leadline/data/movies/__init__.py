"""3D films: how their views lie, their shots, and the training sets that are mined from them."""
