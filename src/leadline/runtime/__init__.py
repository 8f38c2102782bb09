"""Running trained networks without torch."""

from leadline.runtime.card import ModelCard, bundled_cards
from leadline.runtime.graph import OnnxGraph, StereoGraph
from leadline.runtime.mono import DEFAULT_MONO_MODEL, MonoMethod, MonoSession
from leadline.runtime.onnx_session import Provider
from leadline.runtime.stereo import DEFAULT_MODEL, StereoMethod, StereoSession

__all__ = [
    "DEFAULT_MODEL",
    "DEFAULT_MONO_MODEL",
    "ModelCard",
    "MonoMethod",
    "MonoSession",
    "OnnxGraph",
    "Provider",
    "StereoGraph",
    "StereoMethod",
    "StereoSession",
    "bundled_cards",
]
