"""Networks that say how the camera moved between frames, and what moved by itself."""

from leadline.models.pose.pose_net import PoseNet, PosePrediction
from leadline.models.pose.still_mask import StillMask

__all__ = ["PoseNet", "PosePrediction", "StillMask"]
