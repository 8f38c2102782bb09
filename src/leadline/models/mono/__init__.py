"""Networks for single images."""

from leadline.models.mono.inference import MonoInference
from leadline.models.mono.leadline_mono import LeadlineMono
from leadline.models.mono.prediction import DistanceModel, MonoModel, MonoPrediction

__all__ = ["DistanceModel", "LeadlineMono", "MonoInference", "MonoModel", "MonoPrediction"]
