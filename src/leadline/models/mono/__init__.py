"""Networks for single pictures."""

from leadline.models.mono.deployed import DeployedMono
from leadline.models.mono.leadline_mono import LeadlineMono
from leadline.models.mono.prediction import DistanceModel, MonoModel, MonoPrediction

__all__ = ["DeployedMono", "DistanceModel", "LeadlineMono", "MonoModel", "MonoPrediction"]
