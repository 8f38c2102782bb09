"""A convolution with what follows it."""

from torch import nn

from leadline.models.blocks.normalisation import InstanceNorm


def conv_relu(
    inputs: int, outputs: int, *, stride: int = 1, kernel: int = 3, norm: nn.Module | None = None
) -> nn.Sequential:
    """Convolution, normalisation if there is one, ReLU; output i is centred on input `stride` * i."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=norm is None)]
    if norm is not None:
        layers.append(norm)
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


def batch_conv(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """3x3 convolution, batch norm, ReLU."""
    return conv_relu(inputs, outputs, stride=stride, norm=nn.BatchNorm2d(outputs))


def instance_conv(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """3x3 convolution, instance norm, ReLU."""
    return conv_relu(inputs, outputs, stride=stride, norm=InstanceNorm(outputs))


def batch_conv3d(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """3x3x3 convolution over disparity, rows and columns; batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)
    )
