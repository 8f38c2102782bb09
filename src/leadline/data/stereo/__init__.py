"""Stereo samples: files, shards, augmentation and streams."""
