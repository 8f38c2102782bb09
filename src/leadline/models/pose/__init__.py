"""Networks that say how the camera moved between frames."""

from leadline.models.pose.pose_net import PoseNet, PosePrediction

__all__ = ["PoseNet", "PosePrediction"]
