"""Trained networks out of torch."""
