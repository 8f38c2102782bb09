"""Images of classes: what a classifier learns from."""
