"""Training data: samples, augmentation, shards and rendered scenes."""
