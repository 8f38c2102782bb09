"""Evaluation of optical flow: scenes with truth, and one file per published protocol."""
