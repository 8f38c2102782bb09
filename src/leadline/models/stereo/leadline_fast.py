"""leadline-fast: a small stereo network for two laptop cores."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.blocks import Matcher, batch_conv, centred, conv_relu, enlarge, instance_conv, unit, upsample2x
from leadline.models.stereo.efficient_pyramid import EfficientPyramid
from leadline.models.stereo.prediction import StereoPrediction
from leadline.ops import (
    convex_upsample,
    correlation_volume,
    windowed_soft_argmax,
)


def _beyond_border(volume: Float[Tensor, "b d h w"]) -> Float[Tensor, "1 d 1 w"]:
    """1 where column x has no partner at x - d, else 0."""
    bins = torch.arange(volume.shape[1], device=volume.device).view(1, -1, 1, 1)
    columns = torch.arange(volume.shape[3], device=volume.device).view(1, 1, 1, -1)
    return (bins > columns).to(volume.dtype)


class FeaturePyramid(nn.Module):
    """Features of one view at 1/2 and 1/4, both with the context of 1/16."""

    def __init__(
        self, half: int, quarter: int, eighth: int, sixteenth: int, conv: Callable[..., nn.Module] = instance_conv
    ) -> None:
        super().__init__()
        self.stem = conv(3, half, stride=2)
        self.quarter_down = conv(half, quarter, stride=2)
        self.quarter = conv(quarter, quarter)
        self.eighth_down = conv(quarter, eighth, stride=2)
        self.eighth = conv(eighth, eighth)
        self.sixteenth_down = conv(eighth, sixteenth, stride=2)
        self.sixteenth = nn.Sequential(conv(sixteenth, sixteenth), conv(sixteenth, sixteenth))
        self.sixteenth_up = nn.Conv2d(sixteenth, eighth, 1)
        self.eighth_fuse = conv(eighth, eighth)
        self.eighth_up = nn.Conv2d(eighth, quarter, 1)
        self.quarter_fuse = conv(quarter, quarter)
        self.quarter_up = nn.Conv2d(quarter, half, 1)
        self.half_fuse = conv(half, half)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Tensor]:
        """Features at 1/2 and at 1/4 resolution."""
        half = self.stem(centred(image))
        quarter = self.quarter_down(half)
        quarter = quarter + self.quarter(quarter)
        eighth = self.eighth_down(quarter)
        eighth = eighth + self.eighth(eighth)
        sixteenth = self.sixteenth_down(eighth)
        sixteenth = sixteenth + self.sixteenth(sixteenth)
        eighth = self.eighth_fuse(eighth + upsample2x(self.sixteenth_up(sixteenth)))
        quarter = self.quarter_fuse(quarter + upsample2x(self.eighth_up(eighth)))
        return self.half_fuse(half + upsample2x(self.quarter_up(quarter))), quarter


class Context(nn.Module):
    """Context from the left view: which scores count, and what to expect where nothing matches.

    It begins as no change at all.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(channels, width, 1)
        self.add = nn.Conv2d(channels, width, 1)
        for layer in (self.gate, self.add):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, features: Float[Tensor, "b w h2 w2"], context: Float[Tensor, "b c h2 w2"]) -> Tensor:
        """Features of the same shape."""
        return features * (2.0 * self.gate(context).sigmoid()) + self.add(context)


class Hourglass(nn.Module):
    """Mends a correlation volume whose disparities are channels, in 2D, gated by the left image's features."""

    def __init__(
        self,
        disparities: int,
        context: int,
        widths: tuple[int, int, int],
        groups: int = 1,
        coarse_context: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        eighth, sixteenth, thirtysecond = widths
        self.enter = conv_relu(groups * disparities, disparities, kernel=1)
        self.contexts = nn.ModuleList(
            Context(channels, width) for channels, width in zip(coarse_context, (eighth, sixteenth), strict=False)
        )
        self.gate = nn.Conv2d(context, disparities, 1)
        self.eighth_down = batch_conv(disparities, eighth, stride=2)
        self.eighth = batch_conv(eighth, eighth)
        self.sixteenth_down = batch_conv(eighth, sixteenth, stride=2)
        self.sixteenth = nn.Sequential(batch_conv(sixteenth, sixteenth), batch_conv(sixteenth, sixteenth))
        self.thirtysecond_down = batch_conv(sixteenth, thirtysecond, stride=2)
        self.thirtysecond = batch_conv(thirtysecond, thirtysecond)
        self.thirtysecond_up = nn.Conv2d(thirtysecond, sixteenth, 1)
        self.sixteenth_fuse = batch_conv(sixteenth, sixteenth)
        self.sixteenth_up = nn.Conv2d(sixteenth, eighth, 1)
        self.eighth_fuse = batch_conv(eighth, eighth)
        self.eighth_up = nn.Conv2d(eighth, disparities, 1)
        self.gate_out = nn.Conv2d(context, disparities, 1)
        self.fuse = batch_conv(disparities, disparities)
        self.out = nn.Conv2d(disparities, disparities, 1)

    def forward(
        self, volume: Float[Tensor, "b g h w"], context: Float[Tensor, "b c h w"], coarse_context: tuple[Tensor, ...]
    ) -> Float[Tensor, "b d h w"]:
        """A residual to the volume's scores, of its shape.

        Args:
            volume: Scores of the disparities, of each group of features.
            context: Features of the left view at 1/4.
            coarse_context: The same at 1/8 and 1/16, if they are used.
        """
        quarter = self.enter(volume) * self.gate(context).sigmoid()
        eighth = self.eighth_down(quarter)
        if self.contexts:
            eighth = self.contexts[0](eighth, coarse_context[0])
        eighth = eighth + self.eighth(eighth)
        sixteenth = self.sixteenth_down(eighth)
        if self.contexts:
            sixteenth = self.contexts[1](sixteenth, coarse_context[1])
        sixteenth = sixteenth + self.sixteenth(sixteenth)
        thirtysecond = self.thirtysecond_down(sixteenth)
        thirtysecond = thirtysecond + self.thirtysecond(thirtysecond)
        sixteenth = self.sixteenth_fuse(sixteenth + upsample2x(self.thirtysecond_up(thirtysecond)))
        eighth = self.eighth_fuse(eighth + upsample2x(self.sixteenth_up(sixteenth)))
        quarter = (quarter + upsample2x(self.eighth_up(eighth))) * self.gate_out(context).sigmoid()
        return self.out(self.fuse(quarter))


def _alternatives(scores: Float[Tensor, "b d h w"], best: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 5 h w"]:
    """Other disparities that a pixel may have, in bins: the nearest and farthest around it, and its second best."""
    around = [sign * functional.max_pool2d(sign * best, size, 1, size // 2) for size in (3, 5) for sign in (1.0, -1.0)]
    bins = torch.arange(scores.shape[1], device=scores.device, dtype=scores.dtype).view(1, -1, 1, 1)
    second, _ = windowed_soft_argmax(scores - 100.0 * ((bins - best).abs() < 3.5).to(scores.dtype))
    return torch.cat([*around, second], dim=1)


class Guidance(nn.Module):
    """Another matcher's disparity among the candidates of a selection: it, and the farthest and nearest around it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        candidates = 3
        self.enter = nn.Conv2d(2 * candidates + 1, width, 3, padding=1, bias=False)
        self.out = nn.Conv2d(width, candidates, 1)
        nn.init.constant_(self.out.bias, -1.0)  # pyright: ignore[reportArgumentType]

    @staticmethod
    def candidates(prior: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Candidates that may be chosen."""
        around = [-functional.max_pool2d(-prior, 5, 1, 2), functional.max_pool2d(prior, 5, 1, 2)]
        return torch.cat([prior, *around], dim=1)


class Selection(nn.Module):
    """Chooses at 1/2 among a few disparities that the neighbourhood at 1/4 offers, by how well each one matches.

    What is thinner than a coarse pixel has lost its disparity there, but a neighbour that saw more of it has it still.
    """

    def __init__(self, features: int, candidates: int, width: int, guided: bool = False) -> None:
        super().__init__()
        if guided:
            self.sgbm_prior = Guidance(width)
        self.sharpness = nn.Parameter(torch.tensor(5.0))
        self.enter = conv_relu(features + 2 * candidates, width)
        self.body = conv_relu(width, width)
        self.out = nn.Conv2d(width, candidates, 1)

    def forward(
        self,
        left: Float[Tensor, "b c h w"],
        candidates: Float[Tensor, "b k h w"],
        similarity: Float[Tensor, "b k h w"],
        valid: Float[Tensor, "b 1 h w"] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Disparity at 1/2, its similarity, and hidden features.

        Args:
            left: Features of the left view at 1/2.
            candidates: Disparities in pixels of 1/2, those of the sgbm_prior last; the others are seen relative to the
                first.
            similarity: How well each of them matches.
            valid: Where the guiding matcher stands by its value, if there is one.
        """
        own = self.out.out_channels
        steps = ((candidates[:, 1:] - candidates[:, :1]) * 0.25).tanh()
        evidence = [left.float(), candidates[:, :1] * 0.05, steps[:, : own - 1], similarity[:, :own]]
        entered = self.enter[0](torch.cat(evidence, dim=1))
        if valid is not None:
            guiding = torch.cat([steps[:, own - 1 :], similarity[:, own:], valid], dim=1)
            entered = entered + self.sgbm_prior.enter(guiding)
        hidden = self.body(functional.relu(entered))
        outs = self.out(hidden).float()
        if valid is not None:
            outs = torch.cat([outs, self.sgbm_prior.out(hidden).float()], dim=1)
        scores = self.sharpness * similarity + outs
        likelihood = (scores - scores.detach().amax(dim=1, keepdim=True)).exp()
        weights = likelihood / likelihood.sum(dim=1, keepdim=True)
        chosen = (weights * candidates).sum(dim=1, keepdim=True)
        return chosen, (weights * similarity).sum(dim=1, keepdim=True), hidden


class Refinement(nn.Module):
    """One residual step at 1/2: see how well the disparities around the present one match, and correct it."""

    def __init__(self, features: int, hidden: int, steps: int, width: int) -> None:
        super().__init__()
        self.enter = conv_relu(features + hidden + steps + 5, width)
        self.body = nn.Sequential(conv_relu(width, width), conv_relu(width, width))
        self.residual = nn.Conv2d(width, 1, 3, padding=1)
        self.mask = nn.Conv2d(width, 36, 1)
        self.confidence = nn.Sequential(conv_relu(width + 4, width), nn.Conv2d(width, 1, 1))

    def forward(
        self,
        left: Float[Tensor, "b c h w"],
        disparity: Float[Tensor, "b 1 h w"],
        rounded: Float[Tensor, "b 1 h w"],
        similarity: Float[Tensor, "b s h w"],
        signs: Float[Tensor, "b 2 h w"],
        hidden: Float[Tensor, "b n h w"],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Refined disparity at 1/2 (pixels of 1/2), logits of the convex upsampling, confidence logit at 1/2.

        Args:
            left: Features of the left view at 1/2.
            disparity: What is to be refined.
            rounded: The same in whole pixels.
            similarity: How well the disparities around the rounded one match.
            signs: How sure the earlier stages are.
            hidden: Features of the earlier stage.
        """
        columns = torch.arange(disparity.shape[3], device=disparity.device, dtype=disparity.dtype)
        signs = torch.cat([signs, (columns >= disparity).to(disparity.dtype)], dim=1)
        evidence = [left.float(), similarity, disparity - rounded, disparity * 0.05, signs, hidden.float()]
        hidden = self.body(self.enter(torch.cat(evidence, dim=1)))
        # Never let a disparity be rounded to bfloat16: at 64 px that is half a pixel.
        residual = self.residual(hidden).float()
        confidence = self.confidence(torch.cat([hidden, residual, signs], dim=1).detach())
        return functional.relu(disparity + residual), self.mask(hidden), confidence


class LeadlineFast(nn.Module):
    """Correlation at 1/4, a gated 2D hourglass, a windowed soft-argmax, a choice and a warped residual at 1/2.

    Args:
        max_disparity: Largest disparity it can see, in pixels; a multiple of 4.
        norm: What follows the convolutions of the features.
        similarity: What the volume at 1/4 holds: cosines of features, or their inner products over their number.
        stages: 1 is the volume at 1/4 alone, 2 chooses at 1/2 as well, 3 refines there and judges itself.
        guided: Whether another matcher's disparity may be among what is chosen from.
        trunk: Where the features come from: a plain pyramid, or EfficientNet-Lite0, whose coarser features are context
            for the hourglass as well.
        groups: Groups of features that are compared on their own.
    """

    input_stride = 32

    def __init__(
        self,
        max_disparity: int = 192,
        norm: Literal["instance", "batch"] = "instance",
        similarity: Literal["cosine", "product"] = "cosine",
        stages: Literal[1, 2, 3] = 3,
        guided: bool = False,
        trunk: Literal["plain", "efficientnet"] = "plain",
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.max_disparity, self.similarity, self.stages, self.guided = max_disparity, similarity, stages, guided
        self.groups = groups
        half, quarter, width = 16, 32, 16
        coarse_context: tuple[int, ...] = ()
        if trunk == "efficientnet":
            self.features = EfficientPyramid(half, quarter, 48)
            coarse_context = self.features.context_channels
        else:
            self.features = FeaturePyramid(half, quarter, 48, 64, instance_conv if norm == "instance" else batch_conv)
        self.match = nn.Conv2d(quarter, quarter, 1)
        self.hourglass = Hourglass(max_disparity // 4, quarter, (64, 96, 128), groups, coarse_context)
        self.sharpness = nn.Parameter(torch.tensor(10.0))
        self.unseen = nn.Parameter(torch.tensor(0.3))
        self.mask = nn.Conv2d(quarter + max_disparity // 4, 36, 1)
        if stages > 1:
            self.matcher = Matcher(half, 8)
            self.selection = Selection(half, 6, width, guided)
        if stages > 2:
            self.register_buffer("steps", torch.arange(-3.0, 4.0).view(1, -1, 1, 1), persistent=False)
            self.refinement = Refinement(half, width, 7, width)

    def forward(
        self,
        left: Float[Tensor, "b 3 h w"],
        right: Float[Tensor, "b 3 h w"],
        prior: Float[Tensor, "b 1 h w"] | None = None,
        valid: Float[Tensor, "b 1 h w"] | None = None,
    ) -> StereoPrediction:
        """Disparity and confidence of a rectified pair.

        Args:
            left: RGB in [0, 1]; height and width are multiples of 32.
            right: The right image, likewise.
            prior: Disparity of another matcher, px, filled where it is invalid; for a guided network only.
            valid: 1 where that matcher stands by its value, else 0.
        """
        half, quarter, *coarser = self.features(torch.cat([left, right]))
        half_left, context = half.chunk(2)[0], quarter.chunk(2)[0]
        with torch.autocast(left.device.type, enabled=False):
            volume = self._volume(self.match(quarter.float()))
        coarse_context = tuple(level.chunk(2)[0] for level in coarser)
        residual = self.hourglass(volume.flatten(1, 2), context, coarse_context).float()
        scores = self.sharpness * volume.mean(dim=1) + residual
        coarse, certainty = windowed_soft_argmax(scores)
        mask = self.mask(torch.cat([context.float(), scores], dim=1))
        smooth = convex_upsample(coarse, mask.float(), 2)
        if self.stages == 1:
            return StereoPrediction(4.0 * enlarge(smooth, 2), scores=scores, coarse=(4.0 * coarse,))
        with torch.autocast(left.device.type, enabled=False):
            fine_left, fine_right = self.matcher(half)
        candidates = 2.0 * torch.cat([smooth, upsample2x(_alternatives(scores.detach(), coarse.detach()))], dim=1)
        if prior is not None:
            candidates = torch.cat([candidates, Guidance.candidates(0.5 * prior[:, :, ::2, ::2])], dim=1)
        similarity = self.matcher.similarity(fine_left, fine_right, candidates)
        seen = None if valid is None else valid[:, :, ::2, ::2]
        chosen, best, hidden = self.selection(half_left, candidates, similarity, seen)
        if self.stages == 2:
            return StereoPrediction(2.0 * enlarge(chosen, 2), scores=scores, coarse=(4.0 * coarse, 2.0 * chosen))
        rounded = (chosen.detach() + 0.5).floor()
        around = self.matcher.similarity(fine_left, fine_right, rounded + self.steps)
        signs = torch.cat([upsample2x(certainty), best], dim=1)
        refined, fine_mask, confidence = self.refinement(half_left, chosen, rounded, around, signs, hidden)
        disparity = 2.0 * convex_upsample(refined, fine_mask.float(), 2)
        # Reshaped, since ONNX Runtime would carry 15 empty channels from the convolution into the upsampling.
        confidence = confidence.float().flatten(0, 1).unsqueeze(0)
        confidence = functional.interpolate(confidence, scale_factor=2.0, mode="bilinear", align_corners=False)
        confidence = confidence.transpose(0, 1)
        return StereoPrediction(disparity, confidence, scores, (4.0 * coarse, 2.0 * chosen))

    def _volume(self, match: Float[Tensor, "views c h w"]) -> Float[Tensor, "b g d h w"]:
        """Similarity of each left pixel and its candidates, by group of features."""
        views, channels, height, width = match.shape
        match = match.reshape(views * self.groups, channels // self.groups, height, width)
        match = unit(match) if self.similarity == "cosine" else match * match.shape[1] ** -0.5
        left, right = match.chunk(2)
        volume = correlation_volume(left, right, self.max_disparity // 4)
        # A candidate beyond the right image's border is not unlike, it is not seen: a learned similarity.
        volume = volume + self.unseen * _beyond_border(volume)
        return volume.reshape(views // 2, self.groups, -1, height, width)
