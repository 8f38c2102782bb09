"""Dreamed scenes: pictures rendered from a seed, with exact truth."""
