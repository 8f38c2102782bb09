"""Networks for images of classes: a generator and a classifier."""
