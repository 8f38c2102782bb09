"""leadline-refine: mends the disparity of any other matcher."""

from typing import cast, final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.blocks import Matcher, batch_conv, centred, conv_relu, instance_conv, upsample2x
from leadline.models.stereo.inference import padded
from leadline.models.stereo.prediction import StereoPrediction
from leadline.ops import convex_upsample


def _pooled(values: Float[Tensor, "b 1 h w"], size: int) -> tuple[Tensor, Tensor]:
    """The largest and the smallest value around every pixel."""
    largest, smallest = (sign * functional.max_pool2d(sign * values, size, 1, size // 2) for sign in (1.0, -1.0))
    return largest, smallest


def _alternatives(disparity: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 4 h w"]:
    """Nearest and farthest disparities within 5 and within 13 pixels: what a wrong pixel's surface may have."""
    near, far = _pooled(disparity, 5)
    wide_near, wide_far = _pooled(near, 9)[0], _pooled(far, 9)[1]
    return torch.cat([near, far, wide_near, wide_far], dim=1)


@final
class _UNet(nn.Module):
    """Evidence at 1/2 in, features at 1/2 and at 1/4 with the context of 1/32 out."""

    def __init__(self, inputs: int, widths: tuple[int, int, int, int, int]) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth, thirtysecond = widths
        self.enter = batch_conv(inputs, half)
        self.quarter_down = batch_conv(half, quarter, stride=2)
        self.quarter = batch_conv(quarter, quarter)
        self.eighth_down = batch_conv(quarter, eighth, stride=2)
        self.eighth = batch_conv(eighth, eighth)
        self.sixteenth_down = batch_conv(eighth, sixteenth, stride=2)
        self.sixteenth = batch_conv(sixteenth, sixteenth)
        self.thirtysecond_down = batch_conv(sixteenth, thirtysecond, stride=2)
        self.thirtysecond = nn.Sequential(
            batch_conv(thirtysecond, thirtysecond), batch_conv(thirtysecond, thirtysecond)
        )
        self.thirtysecond_up = nn.Conv2d(thirtysecond, sixteenth, 1)
        self.sixteenth_fuse = batch_conv(sixteenth, sixteenth)
        self.sixteenth_up = nn.Conv2d(sixteenth, eighth, 1)
        self.eighth_fuse = batch_conv(eighth, eighth)
        self.eighth_up = nn.Conv2d(eighth, quarter, 1)
        self.quarter_fuse = batch_conv(quarter, quarter)
        self.quarter_up = nn.Conv2d(quarter, half, 1)
        self.half_fuse = batch_conv(half, half)

    def forward(self, evidence: Float[Tensor, "b c h w"]) -> tuple[Tensor, Tensor]:
        """Features at 1/2 and at 1/4."""
        half = self.enter(evidence)
        quarter = self.quarter_down(half)
        quarter = quarter + self.quarter(quarter)
        eighth = self.eighth_down(quarter)
        eighth = eighth + self.eighth(eighth)
        sixteenth = self.sixteenth_down(eighth)
        sixteenth = sixteenth + self.sixteenth(sixteenth)
        thirtysecond = self.thirtysecond_down(sixteenth)
        thirtysecond = thirtysecond + self.thirtysecond(thirtysecond)
        sixteenth = self.sixteenth_fuse(sixteenth + upsample2x(self.thirtysecond_up(thirtysecond)))
        eighth = self.eighth_fuse(eighth + upsample2x(self.sixteenth_up(sixteenth)))
        quarter = self.quarter_fuse(quarter + upsample2x(self.eighth_up(eighth)))
        return self.half_fuse(half + upsample2x(self.quarter_up(quarter))), quarter


class LeadlineRefine(nn.Module):
    """Chooses at 1/2 between a prior disparity, those around it and a guess of its own, and corrects it.

    How well each of them matches is seen in the images. At full resolution every pixel may keep the matcher's value.
    """

    input_stride = 32
    steps: Tensor
    near: Tensor

    def __init__(self) -> None:
        super().__init__()
        width, candidates = 16, 6
        # ONNX Runtime is at its best where a convolution's inputs are a multiple of 16, so every sum below is one.
        self.features = nn.Sequential(instance_conv(3, width, stride=2), instance_conv(width, width))
        self.guide = nn.Conv2d(width, 10, 1)
        self.matcher = Matcher(width, 8)
        self.register_buffer("steps", torch.arange(-2.0, 3.0).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("near", torch.arange(-1.0, 2.0).view(1, -1, 1, 1), persistent=False)
        self.trunk = _UNet(width + 5 + 4 + 4 + 3, (width, 32, 48, 64, 96))
        self.guess = nn.Conv2d(32, 1, 3, padding=1)
        self.guess_mask = nn.Conv2d(32, 36, 1)
        self.choice = conv_relu(width + 10 + 3 + 3, width)
        self.scores = nn.Conv2d(width, candidates, 1)
        self.enter = conv_relu(width + 10 + 3 + 3, width)
        self.body = conv_relu(width, width)
        self.residual = nn.Conv2d(width, 1, 3, padding=1)
        self.mask = nn.Conv2d(width, 36, 1)
        self.keep = nn.Conv2d(width, 4, 3, padding=1)
        self.confidence = nn.Sequential(conv_relu(width + 10 + 3 + 3, width), nn.Conv2d(width, 4, 1))

    def forward(
        self,
        left: Float[Tensor, "b 3 h w"],
        right: Float[Tensor, "b 3 h w"],
        disparity: Float[Tensor, "b 1 h w"],
        valid: Float[Tensor, "b 1 h w"],
    ) -> StereoPrediction:
        """Mended disparity and its confidence.

        Args:
            left: RGB in [0, 1]; height and width are multiples of 32.
            right: The right image, likewise.
            disparity: Disparity of the matcher, px; finite, and filled where it is invalid.
            valid: 1 where the matcher stands by its value, else 0.
        """
        views = self.features(centred(torch.cat([left, right])))
        half_left = views.chunk(2)[0].float()
        guide = self.guide(half_left).float()
        with torch.autocast(left.device.type, enabled=False):
            matched: tuple[Tensor, Tensor] = self.matcher(views)
            prior, seen = 0.5 * disparity[:, :, ::2, ::2], valid[:, :, ::2, ::2]
            others = _alternatives(prior)
            tried = torch.cat([_rounded(prior) + self.steps, others], dim=1)
            similarity = self.matcher.similarity(*matched, tried)
        evidence = [half_left, similarity, ((others - prior) * 0.25).tanh(), prior * 0.02, seen, _inside(prior)]
        hidden, quarter = self.trunk(torch.cat(evidence, dim=1))
        guess = functional.relu(0.5 * functional.avg_pool2d(prior, 2) + 4.0 * self.guess(quarter).float())
        own = 2.0 * convex_upsample(guess, self.guess_mask(quarter).float(), 2)
        thought = self.choice(self._judged(hidden, guide, matched, own, prior, seen))
        chosen = _mixed(self.scores(thought).float(), torch.cat([prior, others, own], dim=1))
        final = self._judged(thought, guide, matched, chosen, prior, seen)
        fine = self.body(self.enter(final))
        refined = functional.relu(chosen + self.residual(fine).float())
        smooth = 2.0 * convex_upsample(refined, self.mask(fine).float(), 2)
        keep = functional.pixel_shuffle(self.keep(fine).float().sigmoid(), 2)
        confidence = self.confidence(torch.cat([fine.float(), final[:, fine.shape[1] :]], dim=1).detach())
        confidence = functional.pixel_shuffle(confidence.float(), 2)
        mended = smooth + keep * (disparity - smooth)
        return StereoPrediction(mended, confidence, None, (4.0 * guess, 2.0 * chosen))

    def _judged(
        self,
        hidden: Float[Tensor, "b c h w"],
        guide: Float[Tensor, "b 10 h w"],
        matched: tuple[Tensor, Tensor],
        disparity: Float[Tensor, "b 1 h w"],
        prior: Float[Tensor, "b 1 h w"],
        seen: Float[Tensor, "b 1 h w"],
    ) -> Float[Tensor, "b c+16 h w"]:
        """Features, and what speaks for a disparity."""
        rounded = _rounded(disparity)
        similarity = self.matcher.similarity(*matched, rounded + self.near)
        change = ((disparity - prior) * 0.25).tanh()
        return torch.cat([hidden.float(), guide, similarity, disparity - rounded, change, seen], dim=1)


def _mixed(scores: Float[Tensor, "b k h w"], candidates: Float[Tensor, "b k h w"]) -> Float[Tensor, "b 1 h w"]:
    """The candidates' mean, weighted by a softmax; spelt out, since runtimes have a slow one over this axis."""
    likelihood = (scores - scores.detach().amax(dim=1, keepdim=True)).exp()
    return (likelihood * candidates).sum(dim=1, keepdim=True) / likelihood.sum(dim=1, keepdim=True)


def _rounded(disparity: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Whole pixels, without a gradient."""
    return (disparity.detach() + 0.5).floor()


def _inside(disparity: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """1 where the partner lies within the right image, else 0."""
    columns = torch.arange(disparity.shape[3], device=disparity.device, dtype=disparity.dtype)
    return (columns >= disparity).to(disparity.dtype)


@final
class RefineInference(nn.Module):
    """leadline-refine with its pre- and post-processing, used alike in validation and in the exported graph.

    Args:
        model: The network.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        left: UInt8[Tensor, "h w 3"],
        right: UInt8[Tensor, "h w 3"],
        prior: Float[Tensor, "h w"],
        prior_valid: UInt8[Tensor, "h w"],
    ) -> tuple[Float[Tensor, "h w"], Float[Tensor, "h w"]]:
        """Mended disparity in px and P(|error| < 1 px) in [0, 1].

        Args:
            left: RGB.
            right: The right image.
            prior: Disparity of the matcher, px, filled where it is invalid.
            prior_valid: 1 where the matcher stands by its value, else 0.
        """
        height, width = left.shape[0], left.shape[1]
        pair = torch.stack([left, right]).permute(0, 3, 1, 2).float() / 255.0
        layers = torch.stack([prior, prior_valid.float()])[None]
        pair, layers = padded(pair, LeadlineRefine.input_stride), padded(layers, LeadlineRefine.input_stride)
        prediction = cast(StereoPrediction, self.model(pair[:1], pair[1:], layers[:, :1], layers[:, 1:]))
        assert prediction.confidence_logit is not None, "this network judges itself"
        confidence = prediction.confidence_logit.sigmoid()
        return prediction.disparity[0, 0, :height, :width], confidence[0, 0, :height, :width]
