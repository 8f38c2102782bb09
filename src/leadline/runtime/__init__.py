"""Running trained networks without torch."""

from leadline.runtime.card import ModelCard, bundled_cards
from leadline.runtime.mono import DEFAULT_MONO_MODEL, MonoMethod, MonoSession, mono, mono_method
from leadline.runtime.session import GraphSession, Provider
from leadline.runtime.stereo import DEFAULT_MODEL, StereoMethod, StereoSession, stereo, stereo_method

__all__ = [
    "DEFAULT_MODEL",
    "DEFAULT_MONO_MODEL",
    "GraphSession",
    "ModelCard",
    "MonoMethod",
    "MonoSession",
    "Provider",
    "StereoMethod",
    "StereoSession",
    "bundled_cards",
    "mono",
    "mono_method",
    "stereo",
    "stereo_method",
]
