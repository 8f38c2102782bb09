"""Stereo networks."""

from leadline.models.stereo.inference import StereoInference
from leadline.models.stereo.leadline_fast import LeadlineFast
from leadline.models.stereo.prediction import StereoModel, StereoPrediction

__all__ = ["LeadlineFast", "StereoInference", "StereoModel", "StereoPrediction"]
