"""leadline-fast: a small stereo network for two laptop cores."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.stereo.prediction import StereoPrediction
from leadline.ops import convex_upsample, correlation_volume, warp_by_disparity, windowed_soft_argmax


def _conv(inputs: int, outputs: int, *, stride: int = 1, kernel: int = 3, norm: nn.Module | None = None) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=norm is None)]
    if norm is not None:
        layers.append(norm)
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


def _instance_conv(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    return _conv(inputs, outputs, stride=stride, norm=nn.InstanceNorm2d(outputs, affine=True))


def _batch_conv(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    return _conv(inputs, outputs, stride=stride, norm=nn.BatchNorm2d(outputs))


def _double(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="nearest")


def _beyond_border(volume: Float[Tensor, "b d h w"]) -> Float[Tensor, "1 d 1 w"]:
    """1 where column x has no partner at x - d, else 0."""
    bins = torch.arange(volume.shape[1], device=volume.device).view(1, -1, 1, 1)
    columns = torch.arange(volume.shape[3], device=volume.device).view(1, 1, 1, -1)
    return (bins > columns).to(volume.dtype)


class FeaturePyramid(nn.Module):
    """Features of one view at 1/2 and 1/4, the latter with the context of 1/16; instance norm throughout."""

    def __init__(self, half: int, quarter: int, eighth: int, sixteenth: int) -> None:
        super().__init__()
        self.stem = _instance_conv(3, half, stride=2)
        self.quarter_down = _instance_conv(half, quarter, stride=2)
        self.quarter = _instance_conv(quarter, quarter)
        self.eighth_down = _instance_conv(quarter, eighth, stride=2)
        self.eighth = _instance_conv(eighth, eighth)
        self.sixteenth_down = _instance_conv(eighth, sixteenth, stride=2)
        self.sixteenth = nn.Sequential(_instance_conv(sixteenth, sixteenth), _instance_conv(sixteenth, sixteenth))
        self.sixteenth_up = nn.Conv2d(sixteenth, eighth, 1)
        self.eighth_fuse = _instance_conv(eighth, eighth)
        self.eighth_up = nn.Conv2d(eighth, quarter, 1)
        self.quarter_fuse = _instance_conv(quarter, quarter)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Tensor]:
        """Features at 1/2 and at 1/4 resolution."""
        half = self.stem(image * 4.0 - 2.0)
        quarter = self.quarter_down(half)
        quarter = quarter + self.quarter(quarter)
        eighth = self.eighth_down(quarter)
        eighth = eighth + self.eighth(eighth)
        sixteenth = self.sixteenth_down(eighth)
        sixteenth = sixteenth + self.sixteenth(sixteenth)
        eighth = self.eighth_fuse(eighth + _double(self.sixteenth_up(sixteenth)))
        return half, self.quarter_fuse(quarter + _double(self.eighth_up(eighth)))


class Hourglass(nn.Module):
    """Mends a correlation volume whose disparities are channels, in 2D, gated by the left picture's features."""

    def __init__(self, disparities: int, context: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        eighth, sixteenth, thirtysecond = widths
        self.enter = _conv(disparities, disparities, kernel=1)
        self.gate = nn.Conv2d(context, disparities, 1)
        self.eighth_down = _batch_conv(disparities, eighth, stride=2)
        self.eighth = _batch_conv(eighth, eighth)
        self.sixteenth_down = _batch_conv(eighth, sixteenth, stride=2)
        self.sixteenth = nn.Sequential(_batch_conv(sixteenth, sixteenth), _batch_conv(sixteenth, sixteenth))
        self.thirtysecond_down = _batch_conv(sixteenth, thirtysecond, stride=2)
        self.thirtysecond = _batch_conv(thirtysecond, thirtysecond)
        self.thirtysecond_up = nn.Conv2d(thirtysecond, sixteenth, 1)
        self.sixteenth_fuse = _batch_conv(sixteenth, sixteenth)
        self.sixteenth_up = nn.Conv2d(sixteenth, eighth, 1)
        self.eighth_fuse = _batch_conv(eighth, eighth)
        self.eighth_up = nn.Conv2d(eighth, disparities, 1)
        self.gate_out = nn.Conv2d(context, disparities, 1)
        self.fuse = _batch_conv(disparities, disparities)
        self.out = nn.Conv2d(disparities, disparities, 1)

    def forward(self, volume: Float[Tensor, "b d h w"], context: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """A residual to the volume's scores, of its shape."""
        quarter = self.enter(volume) * self.gate(context).sigmoid()
        eighth = self.eighth_down(quarter)
        eighth = eighth + self.eighth(eighth)
        sixteenth = self.sixteenth_down(eighth)
        sixteenth = sixteenth + self.sixteenth(sixteenth)
        thirtysecond = self.thirtysecond_down(sixteenth)
        thirtysecond = thirtysecond + self.thirtysecond(thirtysecond)
        sixteenth = self.sixteenth_fuse(sixteenth + _double(self.thirtysecond_up(thirtysecond)))
        eighth = self.eighth_fuse(eighth + _double(self.sixteenth_up(sixteenth)))
        quarter = (quarter + _double(self.eighth_up(eighth))) * self.gate_out(context).sigmoid()
        return self.out(self.fuse(quarter))


class Refinement(nn.Module):
    """One residual step at 1/2: warp the right features by the disparity, see what does not fit, correct it."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.enter = _conv(2 * features + 2, width)
        self.body = _conv(width, width)
        self.residual = nn.Conv2d(width, 1, 3, padding=1)
        self.mask = nn.Conv2d(width, 36, 1)
        self.confidence = nn.Sequential(_conv(width + 2, width), nn.Conv2d(width, 1, 1))

    def forward(
        self,
        left: Float[Tensor, "b c h w"],
        right: Float[Tensor, "b c h w"],
        disparity: Float[Tensor, "b 1 h w"],
        certainty: Float[Tensor, "b 1 h w"],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Refined disparity at 1/2 (pixels of 1/2), logits of the convex upsampling, confidence logit at 1/2."""
        with torch.autocast(left.device.type, enabled=False):
            columns = torch.arange(disparity.shape[3], device=disparity.device, dtype=disparity.dtype)
            seen_by_both = (columns >= disparity).to(disparity.dtype)
            misfit = (left.float() - warp_by_disparity(right.float(), disparity)) * seen_by_both
            evidence = torch.cat([left.float(), misfit, disparity * 0.05, certainty], dim=1)
        hidden = self.body(self.enter(evidence))
        # Never let a disparity be rounded to bfloat16: at 64 px that is half a pixel.
        residual = self.residual(hidden).float()
        signs = torch.cat([hidden, residual, certainty], dim=1).detach()
        return functional.relu(disparity + residual), self.mask(hidden), self.confidence(signs)


class LeadlineFast(nn.Module):
    """Correlation at 1/4, a gated 2D hourglass, a windowed soft-argmax, one warped residual at 1/2.

    Args:
        max_disparity: Largest disparity it can see, in pixels; a multiple of 4.
    """

    input_stride = 32

    def __init__(self, max_disparity: int = 192) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        half, quarter = 16, 32
        self.features = FeaturePyramid(half, quarter, 48, 64)
        self.match = nn.Conv2d(quarter, quarter, 1)
        self.hourglass = Hourglass(max_disparity // 4, quarter, (64, 96, 128))
        self.sharpness = nn.Parameter(torch.tensor(10.0))
        self.unseen = nn.Parameter(torch.tensor(0.3))
        self.mask = nn.Conv2d(quarter + max_disparity // 4, 36, 1)
        self.refinement = Refinement(half, 16)

    def forward(self, left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"]) -> StereoPrediction:
        """Disparity and confidence of a rectified pair.

        Args:
            left: RGB in [0, 1]; height and width are multiples of 32.
            right: The right picture, likewise.
        """
        half, quarter = self.features(torch.cat([left, right]))
        half_left, half_right = half.chunk(2)
        context = quarter.chunk(2)[0]
        with torch.autocast(left.device.type, enabled=False):
            match_left, match_right = functional.normalize(self.match(quarter.float()), dim=1).chunk(2)
            volume = correlation_volume(match_left, match_right, self.max_disparity // 4)
            # A candidate beyond the right picture's border is not unlike, it is not seen: a learned similarity.
            volume = volume + self.unseen * _beyond_border(volume)
        scores = self.sharpness * volume + self.hourglass(volume, context).float()
        quarter_disparity, certainty = windowed_soft_argmax(scores)
        mask = self.mask(torch.cat([context.float(), scores], dim=1))
        half_disparity = 2.0 * convex_upsample(quarter_disparity, mask.float(), 2)
        refined, fine_mask, confidence = self.refinement(half_left, half_right, half_disparity, _double(certainty))
        disparity = 2.0 * convex_upsample(refined, fine_mask.float(), 2)
        confidence = functional.interpolate(confidence.float(), scale_factor=2.0, mode="bilinear", align_corners=False)
        return StereoPrediction(disparity, confidence, scores, (4.0 * quarter_disparity, 2.0 * half_disparity))
