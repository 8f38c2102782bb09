"""Frames of a moving camera: sources, augmentation and the stream of training samples."""
