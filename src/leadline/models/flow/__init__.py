"""Optical-flow networks."""

from leadline.models.flow.inference import FlowInference
from leadline.models.flow.prediction import FlowModel, FlowPrediction

__all__ = ["FlowInference", "FlowModel", "FlowPrediction"]
