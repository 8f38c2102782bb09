"""Depth over HTTP: pairs and images in, what the command line writes out."""
