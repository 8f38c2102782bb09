"""leadline-fast: a small stereo network for two laptop cores."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.stereo.prediction import StereoPrediction
from leadline.ops import (
    convex_upsample,
    correlation_volume,
    sampled_correlation,
    warp_by_disparity,
    windowed_soft_argmax,
)


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
    if torch.compiler.is_exporting():  # ONNX Runtime is fast at this one, but its compiled gradient is a slow scatter
        return functional.interpolate(features, scale_factor=2.0, mode="nearest")
    batch, channels, height, width = features.shape
    tiles = features.view(batch, channels, height, 1, width, 1).expand(-1, -1, -1, 2, -1, 2)
    return tiles.reshape(batch, channels, 2 * height, 2 * width)


def _beyond_border(volume: Float[Tensor, "b d h w"]) -> Float[Tensor, "1 d 1 w"]:
    """1 where column x has no partner at x - d, else 0."""
    bins = torch.arange(volume.shape[1], device=volume.device).view(1, -1, 1, 1)
    columns = torch.arange(volume.shape[3], device=volume.device).view(1, 1, 1, -1)
    return (bins > columns).to(volume.dtype)


class FeaturePyramid(nn.Module):
    """Features of one view at 1/2 and 1/4, both with the context of 1/16; instance norm throughout."""

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
        self.quarter_up = nn.Conv2d(quarter, half, 1)
        self.half_fuse = _instance_conv(half, half)

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
        quarter = self.quarter_fuse(quarter + _double(self.eighth_up(eighth)))
        return self.half_fuse(half + _double(self.quarter_up(quarter))), quarter


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


def _alternatives(scores: Float[Tensor, "b d h w"], best: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 5 h w"]:
    """Other disparities that a pixel may have, in bins: the nearest and farthest around it, and its second best."""
    around = [sign * functional.max_pool2d(sign * best, size, 1, size // 2) for size in (3, 5) for sign in (1.0, -1.0)]
    bins = torch.arange(scores.shape[1], device=scores.device, dtype=scores.dtype).view(1, -1, 1, 1)
    second, _ = windowed_soft_argmax(scores - 100.0 * ((bins - best).abs() < 3.5).to(scores.dtype))
    return torch.cat([*around, second], dim=1)


class Selection(nn.Module):
    """Chooses at 1/2 among a few disparities that the neighbourhood at 1/4 offers, by how well each one matches.

    What is thinner than a coarse pixel has lost its disparity there, but a neighbour that saw more of it has it still.
    """

    def __init__(self, features: int, candidates: int, width: int) -> None:
        super().__init__()
        self.match = nn.Conv2d(features, features, 1)
        self.sharpness = nn.Parameter(torch.tensor(5.0))
        self.unseen = nn.Parameter(torch.tensor(0.3))
        self.enter = _conv(features + 2 * candidates, 24)
        self.body = _conv(24, width)
        self.out = nn.Conv2d(width, candidates, 1)

    def forward(
        self, left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], candidates: Float[Tensor, "b k h w"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Disparity at 1/2, its similarity, and hidden features.

        Args:
            left: Features at 1/2.
            right: Those of the right view.
            candidates: Disparities in pixels of 1/2; the others are seen relative to the first.
        """
        with torch.autocast(left.device.type, enabled=False):
            match = functional.normalize(self.match(torch.cat([left, right]).float()), dim=1)
            match_left, match_right = match.chunk(2)
            # Both views share their weights: learning them from the left one alone, here and in the refinement,
            # spares the slow scatter that a gradient of the right one would be.
            similarity = sampled_correlation(match_left, match_right.detach(), candidates)
            columns = torch.arange(left.shape[3], device=left.device, dtype=candidates.dtype)
            similarity = torch.where(candidates > columns, self.unseen, similarity)
            steps = ((candidates[:, 1:] - candidates[:, :1]) * 0.25).tanh()
            evidence = torch.cat([left.float(), candidates[:, :1] * 0.05, steps, similarity], dim=1)
        hidden = self.body(self.enter(evidence))
        scores = self.sharpness * similarity + self.out(hidden).float()
        likelihood = (scores - scores.detach().amax(dim=1, keepdim=True)).exp()
        weights = likelihood / likelihood.sum(dim=1, keepdim=True)
        chosen = (weights * candidates).sum(dim=1, keepdim=True)
        return chosen, (weights * similarity).sum(dim=1, keepdim=True), hidden


class Refinement(nn.Module):
    """One residual step at 1/2: warp the right features by the disparity, see what does not fit, correct it."""

    def __init__(self, features: int, hidden: int, width: int) -> None:
        super().__init__()
        self.enter = _conv(2 * features + hidden + 4, width)
        self.body = _conv(width, width)
        self.residual = nn.Conv2d(width, 1, 3, padding=1)
        self.mask = nn.Conv2d(width, 36, 1)
        self.confidence = nn.Sequential(_conv(width + 4, width), nn.Conv2d(width, 1, 1))

    def forward(
        self,
        left: Float[Tensor, "b c h w"],
        right: Float[Tensor, "b c h w"],
        disparity: Float[Tensor, "b 1 h w"],
        signs: Float[Tensor, "b 2 h w"],
        hidden: Float[Tensor, "b n h w"],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Refined disparity at 1/2 (pixels of 1/2), logits of the convex upsampling, confidence logit at 1/2.

        Args:
            left: Features at 1/2.
            right: Those of the right view.
            disparity: What is to be refined.
            signs: How sure the earlier stages are.
            hidden: Features of the earlier stage.
        """
        with torch.autocast(left.device.type, enabled=False):
            columns = torch.arange(disparity.shape[3], device=disparity.device, dtype=disparity.dtype)
            seen_by_both = (columns >= disparity).to(disparity.dtype)
            misfit = (left.float() - warp_by_disparity(right.detach().float(), disparity)) * seen_by_both
            signs = torch.cat([signs, seen_by_both], dim=1)
            evidence = torch.cat([left.float(), misfit, disparity * 0.05, signs, hidden.float()], dim=1)
        hidden = self.body(self.enter(evidence))
        # Never let a disparity be rounded to bfloat16: at 64 px that is half a pixel.
        residual = self.residual(hidden).float()
        confidence = self.confidence(torch.cat([hidden, residual, signs], dim=1).detach())
        return functional.relu(disparity + residual), self.mask(hidden), confidence


class LeadlineFast(nn.Module):
    """Correlation at 1/4, a gated 2D hourglass, a windowed soft-argmax, a choice and a warped residual at 1/2.

    Args:
        max_disparity: Largest disparity it can see, in pixels; a multiple of 4.
    """

    input_stride = 32

    def __init__(self, max_disparity: int = 192) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        half, quarter, width = 16, 32, 16
        self.features = FeaturePyramid(half, quarter, 48, 64)
        self.match = nn.Conv2d(quarter, quarter, 1)
        self.hourglass = Hourglass(max_disparity // 4, quarter, (64, 96, 128))
        self.sharpness = nn.Parameter(torch.tensor(10.0))
        self.unseen = nn.Parameter(torch.tensor(0.3))
        self.mask = nn.Conv2d(quarter + max_disparity // 4, 36, 1)
        self.selection = Selection(half, 6, width)
        self.refinement = Refinement(half, width, width)

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
        coarse, certainty = windowed_soft_argmax(scores)
        mask = self.mask(torch.cat([context.float(), scores], dim=1))
        smooth = convex_upsample(coarse, mask.float(), 2)
        candidates = 2.0 * torch.cat([smooth, _double(_alternatives(scores.detach(), coarse.detach()))], dim=1)
        chosen, similarity, hidden = self.selection(half_left, half_right, candidates)
        signs = torch.cat([_double(certainty), similarity], dim=1)
        refined, fine_mask, confidence = self.refinement(half_left, half_right, chosen, signs, hidden)
        disparity = 2.0 * convex_upsample(refined, fine_mask.float(), 2)
        # Reshaped, since ONNX Runtime would carry 15 empty channels from the convolution into the upsampling.
        confidence = confidence.float().flatten(0, 1).unsqueeze(0)
        confidence = functional.interpolate(confidence, scale_factor=2.0, mode="bilinear", align_corners=False)
        confidence = confidence.transpose(0, 1)
        return StereoPrediction(disparity, confidence, scores, (4.0 * coarse, 2.0 * chosen))
