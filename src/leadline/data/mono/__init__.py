"""Samples of single images with depth: shards, augmentation and streams."""
