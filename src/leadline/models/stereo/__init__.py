"""Stereo networks."""

from leadline.models.stereo.deployed import Deployed
from leadline.models.stereo.leadline_fast import LeadlineFast
from leadline.models.stereo.prediction import StereoModel, StereoPrediction

__all__ = ["Deployed", "LeadlineFast", "StereoModel", "StereoPrediction"]
