"""Rendered scenes: images rendered from a seed, with exact truth."""
