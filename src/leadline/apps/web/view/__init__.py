"""`leadline view`: images, depth, points and tracks in the browser."""
