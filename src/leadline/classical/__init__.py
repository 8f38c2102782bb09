"""Matchers without learning, behind the same call as the learned ones: the baselines to beat."""

from leadline.classical.stereo import MATCHERS, ClassicalStereo

__all__ = ["MATCHERS", "ClassicalStereo"]
