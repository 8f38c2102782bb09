"""Running trained networks without torch."""

from leadline.runtime.card import ModelCard, bundled_cards
from leadline.runtime.session import GraphSession, Provider
from leadline.runtime.stereo import DEFAULT_MODEL, StereoMethod, StereoSession, stereo, stereo_method

__all__ = [
    "DEFAULT_MODEL",
    "GraphSession",
    "ModelCard",
    "Provider",
    "StereoMethod",
    "StereoSession",
    "bundled_cards",
    "stereo",
    "stereo_method",
]
