"""Metric scale for relative depth: from known points, stereo, time-of-flight zones, the ground or a height."""
