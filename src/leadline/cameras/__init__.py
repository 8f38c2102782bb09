"""Cameras and recordings behind one source of stereo frames: UVC, RealSense, OAK-D, ZED, films, folders and bags."""

from leadline.cameras.frame import FrameMeta, StereoFrame
from leadline.cameras.opening import open_source
from leadline.cameras.presets import PRESETS, Preset
from leadline.cameras.source import SourceCounts, StereoSource

__all__ = ["PRESETS", "FrameMeta", "Preset", "SourceCounts", "StereoFrame", "StereoSource", "open_source"]
