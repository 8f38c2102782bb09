"""Steadiness and accuracy of depth over clips."""
