"""Depth of a camera while it runs: capture, rectification, matching and depth on threads that never fall behind."""

from leadline.streaming.statistics import LiveStatistics
from leadline.streaming.stream import LiveFrame, LiveStream, StreamOptions

__all__ = ["LiveFrame", "LiveStatistics", "LiveStream", "StreamOptions"]
