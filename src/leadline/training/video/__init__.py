"""Learning depth and camera motion from the frames of a moving camera, without truth."""
