"""Building blocks of the networks."""

from leadline.models.blocks.convolution import batch_conv, batch_conv3d, conv_relu, instance_conv
from leadline.models.blocks.correlation import CorrelationLayer
from leadline.models.blocks.decoder import Decoder, DecoderStage
from leadline.models.blocks.disparity import CostHead, DisparityHead
from leadline.models.blocks.encoder import Encoder, batch_stage, plain_stage
from leadline.models.blocks.fusion import Fusion
from leadline.models.blocks.hourglass import Hourglass3d
from leadline.models.blocks.images import centred, six_channels
from leadline.models.blocks.map_pyramid import MapPyramid
from leadline.models.blocks.matcher import Matcher, unit
from leadline.models.blocks.pyramid_pooling import SpatialPyramidPooling
from leadline.models.blocks.residual import ResidualBlock
from leadline.models.blocks.transformer import TransformerBlock
from leadline.models.blocks.upsample import enlarge, upsample2x

__all__ = [
    "CorrelationLayer",
    "CostHead",
    "Decoder",
    "DecoderStage",
    "DisparityHead",
    "Encoder",
    "Fusion",
    "Hourglass3d",
    "MapPyramid",
    "Matcher",
    "ResidualBlock",
    "SpatialPyramidPooling",
    "TransformerBlock",
    "batch_conv",
    "batch_conv3d",
    "batch_stage",
    "centred",
    "conv_relu",
    "enlarge",
    "instance_conv",
    "plain_stage",
    "six_channels",
    "unit",
    "upsample2x",
]
