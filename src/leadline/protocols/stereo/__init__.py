"""Published protocols for disparity."""
