"""Samples of optical flow: their type, their shards, their augmentation, their batches."""
