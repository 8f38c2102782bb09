"""leadline-flow: a small optical-flow network for two laptop cores."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.errors import InputError
from leadline.models.blocks import batch_conv, centred, conv_relu, enlarge, instance_conv, unit, upsample2x
from leadline.models.flow.choice import Choice, Hypotheses, quiet
from leadline.models.flow.prediction import FlowPrediction
from leadline.ops.displacement_lookup import LookupTable, displacement_lookup, lookup_table
from leadline.ops.global_match import GlobalMatch, global_match
from leadline.ops.upsample import convex_upsample_flow

#: Its unit lets the optimiser move it as fast as the other weights.
_SHARPNESS_UNIT = 15.0
_MOST_SHARPNESS = 55.0
_OWN_BELIEF = (1.0, 0.0, 0.0, 0.0)
"""Weights of the network's own logit, DIS's, the logarithm of the distance between them, and an offset."""
_LEAST_PX = 0.05


class FlowPyramid(nn.Module):
    """Features of frames at 1/4, 1/8 and 1/16; its weights have the names of those of the stereo networks."""

    def __init__(self, half: int, quarter: int, eighth: int, sixteenth: int) -> None:
        super().__init__()
        # Not normalised by the image: that takes time at this resolution, and the next layers are.
        self.stem = batch_conv(3, half, stride=2)
        self.quarter_down = instance_conv(half, quarter, stride=2)
        self.eighth_down = instance_conv(quarter, eighth, stride=2)
        self.eighth = instance_conv(eighth, eighth)
        self.sixteenth_down = instance_conv(eighth, sixteenth, stride=2)
        self.sixteenth = nn.Sequential(instance_conv(sixteenth, sixteenth), instance_conv(sixteenth, sixteenth))
        self.sixteenth_up = nn.Conv2d(sixteenth, eighth, 1)
        self.eighth_fuse = instance_conv(eighth, eighth)
        self.eighth_up = nn.Conv2d(eighth, quarter, 1)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Tensor, Tensor]:
        """Features at 1/4, 1/8 and 1/16 resolution."""
        quarter = self.quarter_down(self.stem(centred(image)))
        eighth = self.eighth_down(quarter)
        eighth = eighth + self.eighth(eighth)
        sixteenth = self.sixteenth_down(eighth)
        sixteenth = sixteenth + self.sixteenth(sixteenth)
        eighth = self.eighth_fuse(eighth + upsample2x(self.sixteenth_up(sixteenth)))
        return quarter + upsample2x(self.eighth_up(eighth)), eighth, sixteenth


class Propagation(nn.Module):
    """Mends the matched flow at 1/16 with a wide view: what has no partner moves as what surrounds it."""

    def __init__(self, features: int, width: int, guides: int = 0) -> None:
        super().__init__()
        self.enter = batch_conv(features + 6, width)
        self.guide = _silent(guides, width)
        self.body = batch_conv(width, width)
        self.second_down = batch_conv(width, 96, stride=2)
        self.second = batch_conv(96, 96)
        self.third_down = batch_conv(96, 128, stride=2)
        self.third = batch_conv(128, 128)
        self.third_up = nn.Conv2d(128, 96, 1)
        self.second_fuse = batch_conv(96, 96)
        self.second_up = nn.Conv2d(96, width, 1)
        self.fuse = batch_conv(width, width)
        self.out = quiet(nn.Conv2d(width, 3, 3, padding=1))

    def forward(
        self, context: Float[Tensor, "b c h w"], match: GlobalMatch, prior: Hypotheses | None = None
    ) -> tuple[Tensor, Tensor]:
        """Flow at 1/16 and hidden features.

        Args:
            context: Features of the first frame.
            match: What all pairs say.
            prior: What classical flow says, for a guided network.
        """
        flow = match.flow.detach()
        returned = flow + _read(match.backward.detach(), flow)
        agrees = (-returned.square().sum(dim=1, keepdim=True)).exp()
        evidence = [context.float(), 0.1 * flow, match.certainty.detach(), agrees, (0.5 * returned).tanh()]
        first = self.enter(torch.cat(evidence, dim=1))
        if self.guide is not None and prior is not None:
            first = first + self.guide(prior.guide(flow))
        first = first + self.body(first)
        second = self.second_down(first)
        second = second + self.second(second)
        third = self.third_down(second)
        third = third + self.third(third)
        second = self.second_fuse(second + _upsampled_to(second, self.third_up(third)))
        hidden = self.fuse(first + _upsampled_to(first, self.second_up(second)))
        outs = self.out(hidden).float()
        # The matched flow as far as it is believed; the rest is the network's own.
        return (outs[:, 2:] + 2.0).sigmoid() * match.flow + 4.0 * outs[:, :2], hidden


class Update(nn.Module):
    """A light recurrent step: see how well the places around the present flow match, and correct it.

    Args:
        context: Channels of the features of this level.
        channels: Of what is compared.
        width: Channels of the hidden features.
        radius: Of the window that is compared.
        convolutions: How many follow where evidence, context and hidden features meet.
        guides: Channels of what classical flow says; 0 for a network that is not guided.
    """

    def __init__(
        self, context: int, channels: int, width: int, radius: int, convolutions: int, guides: int = 0
    ) -> None:
        super().__init__()
        self.radius = radius
        self.project = nn.Conv2d(context, channels, 1)
        self.context = nn.Conv2d(context, width, 1)
        self.evidence = nn.Conv2d((2 * radius + 1) ** 2 + 5, width, 1, bias=False)
        self.memory = nn.Conv2d(width, width, 1, bias=False)
        self.guide = _silent(guides, width)
        self.body = nn.Sequential(*(conv_relu(width, width) for _ in range(convolutions)))
        self.out = quiet(nn.Conv2d(width, 2, 3, padding=1))

    def compare(self, features: Float[Tensor, "b2 c h w"]) -> tuple[LookupTable, tuple[Tensor, Tensor]]:
        """Correlations that the look-ups of a level read, and the features of both frames that they compare."""
        with torch.autocast(features.device.type, enabled=False):
            first, second = unit(self.project(features.float())).chunk(2)
            return lookup_table(first, second, self.radius), (first, second)

    def forward(
        self,
        flow: Float[Tensor, "b 2 h w"],
        hidden: Float[Tensor, "b n h w"],
        context: Float[Tensor, "b n h w"],
        table: LookupTable,
        prior: Hypotheses | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Better flow in pixels of this level, hidden features, and the similarity in the middle of the window.

        Args:
            flow: Present flow.
            hidden: Features of the steps before.
            context: ``self.context`` of the first frame's features.
            table: Of ``compare``.
            prior: What classical flow says, for a guided network.
        """
        flow = flow.detach()
        whole = (flow + 0.5).floor()
        similarity = displacement_lookup(table, whole)
        evidence = torch.cat([similarity, flow - whole, 0.05 * flow, _inside(whole)], dim=1)
        before = self.evidence(evidence) + self.memory(hidden) + context
        if self.guide is not None and prior is not None:
            before = before + self.guide(prior.guide(flow))
        hidden = self.body(functional.relu(before))
        middle = similarity.shape[1] // 2
        return flow + self.out(hidden).float(), hidden, similarity[:, middle : middle + 1]


class LeadlineFlow(nn.Module):
    """Global matching at 1/16, propagation, look-ups at 1/8 and 1/4, convex upsampling.

    A guided network also takes what classical flow says. It chooses between that and its own matching twice, pixel by
    pixel: at 1/8, where the look-ups begin, and at full resolution, in the end.

    Args:
        eighth_steps: Recurrent steps at 1/8.
        quarter_steps: Recurrent steps at 1/4.
        guided: Whether classical flow guides it.
    """

    input_stride = 32

    def __init__(self, eighth_steps: int = 2, quarter_steps: int = 1, guided: bool = False) -> None:
        super().__init__()
        self.eighth_steps, self.quarter_steps, self.guided = eighth_steps, quarter_steps, guided
        quarter, eighth, sixteenth, fine = 32, 48, 64, 32
        guides = Hypotheses.GUIDES if guided else 0
        self.features = FlowPyramid(16, quarter, eighth, sixteenth)
        self.match = nn.Conv2d(sixteenth, sixteenth, 1)
        self.match_sharpness = nn.Parameter(torch.tensor(2.0))
        self.propagation = Propagation(sixteenth, sixteenth, guides)
        self.eighth_hidden = nn.Conv2d(sixteenth, eighth, 1)
        self.eighth_update = Update(eighth, 16, eighth, 3, 2, guides)
        self.quarter_hidden = nn.Conv2d(eighth, fine, 1)
        self.quarter_update = Update(quarter, 8, fine, 2, 1, guides)
        self.mask = nn.Conv2d(fine, 144, 1)
        self.confidence = nn.Sequential(conv_relu(fine + 4, 16, kernel=1), nn.Conv2d(16, 1, 1))
        self.start = Choice(eighth, 32) if guided else None
        self.finish = Choice(fine, 24, judges=True) if guided else None
        if guided:
            # No weight that is learned here: `benchmarks/fit_flow_belief.py` fits it to a trained network.
            self.register_buffer("belief", torch.tensor(_OWN_BELIEF))

    def forward(
        self,
        first: Float[Tensor, "b 3 h w"],
        second: Float[Tensor, "b 3 h w"],
        prior: Float[Tensor, "b layers h w"] | None = None,
    ) -> FlowPrediction:
        """Flow and confidence.

        Args:
            first: RGB in [0, 1]; height and width are multiples of 32.
            second: The next frame, likewise.
            prior: Layers of `leadline.classical.flow_prior`, for a guided network.
        Raises:
            InputError: If a guided network gets no prior, or another one does.
        """
        if self.guided != (prior is not None):
            raise InputError(
                f"expected {'a prior' if self.guided else 'no prior'} for this network, got the other; see `guided`"
            )
        quarter, eighth, sixteenth = self.features(torch.cat([first, second]))
        with torch.autocast(first.device.type, enabled=False):
            own, other = unit(self.match(sixteenth.float())).chunk(2)
            match = global_match(own, other, (_SHARPNESS_UNIT * self.match_sharpness).clamp(1.0, _MOST_SHARPNESS))
        flow, hidden = self.propagation(sixteenth.chunk(2)[0], match, _at(prior, 16))
        coarse = [16.0 * match.flow, 16.0 * flow]
        flow, hidden = 2.0 * enlarge(flow, 2), upsample2x(functional.relu(self.eighth_hidden(hidden)))
        (table, pair), context = self.eighth_update.compare(eighth), self.eighth_update.context(eighth.chunk(2)[0])
        if self.start is not None and (known := _at(prior, 8)) is not None:
            flow, _ = self.start.blended(flow, hidden, known, pair)
            coarse.append(8.0 * flow)
        for _ in range(self.eighth_steps):
            flow, hidden, _ = self.eighth_update(flow, hidden, context, table, _at(prior, 8))
            coarse.append(8.0 * flow)
        before = flow
        flow, hidden = 2.0 * enlarge(flow, 2), upsample2x(functional.relu(self.quarter_hidden(hidden)))
        (table, pair), context = self.quarter_update.compare(quarter), self.quarter_update.context(quarter.chunk(2)[0])
        for _ in range(self.quarter_steps):
            flow, hidden, similarity = self.quarter_update(flow, hidden, context, table, _at(prior, 4))
            coarse.append(4.0 * flow)
        fine = convex_upsample_flow(4.0 * flow, self.mask(hidden).float(), 4)
        step = (flow - 2.0 * enlarge(before, 2)).detach()
        signs = torch.cat([step, similarity.detach(), upsample2x(upsample2x(match.certainty.detach()))], dim=1)
        logit = self.confidence(torch.cat([hidden.detach().float(), signs], dim=1)).float()
        if self.finish is not None and (known := _at(prior, 4)) is not None and prior is not None:
            coarse.append(fine)
            chosen = self.finish(flow, hidden, known, pair)
            fine = chosen.mixed([fine, *Hypotheses.of(prior, 1).flows])
            return FlowPrediction(
                fine, self._believed(logit + chosen.doubt, fine, prior), match.scores, 16, tuple(coarse)
            )
        return FlowPrediction(fine, enlarge(logit, 4), match.scores, 16, tuple(coarse))

    def _believed(
        self,
        logit: Float[Tensor, "b 1 h4 w4"],
        flow: Float[Tensor, "b 2 h w"],
        prior: Float[Tensor, "b layers h w"],
    ) -> Float[Tensor, "b 1 h w"]:
        """The network's own judgement, DIS's confidence and how far the two flows are apart, weighted."""
        own, classical, apart, offset = cast(Tensor, self.belief).unbind()
        return own * enlarge(logit, 4) + classical * prior[:, -1:] + apart * log_distance(flow.detach(), prior) + offset


def log_distance(flow: Float[Tensor, "b 2 h w"], prior: Float[Tensor, "b layers h w"]) -> Float[Tensor, "b 1 h w"]:
    """Logarithm of how far a flow is from that of DIS.

    Args:
        flow: Pixels.
        prior: As `leadline.classical.flow_prior` makes it.
    """
    return (_LEAST_PX + (flow - prior[:, :2]).square().sum(dim=1, keepdim=True).sqrt()).log()


def _silent(inputs: int, outputs: int) -> nn.Conv2d | None:
    """A convolution that says nothing at first, so that a network may begin with the weights of one without it."""
    if inputs == 0:
        return None
    layer = nn.Conv2d(inputs, outputs, 1, bias=False)
    nn.init.zeros_(layer.weight)
    return layer


def _at(prior: Float[Tensor, "b layers h w"] | None, stride: int) -> Hypotheses | None:
    return None if prior is None else Hypotheses.of(prior, stride)


def _upsampled_to(features: Float[Tensor, "b c h w"], coarse: Float[Tensor, "b c h2 w2"]) -> Float[Tensor, "b c h w"]:
    """Coarse features at the size of finer ones, whose sides may be odd."""
    return upsample2x(coarse)[:, :, : features.shape[2], : features.shape[3]]


def _read(map_: Float[Tensor, "b 2 h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
    """Values of a map of the second frame at the end points of a flow, to whole pixels."""
    batch, channels, height, width = map_.shape
    rows = map_.permute(0, 2, 3, 1).reshape(-1, channels)
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)
    lines = torch.arange(height, device=flow.device, dtype=flow.dtype).unsqueeze(1)
    x = (flow[:, 0] + columns + 0.5).floor().clamp(0, width - 1).long()
    y = (flow[:, 1] + lines + 0.5).floor().clamp(0, height - 1).long()
    frames = torch.arange(batch, device=flow.device).view(-1, 1, 1) * height
    found = functional.embedding((frames + y) * width + x, rows)
    return found.permute(0, 3, 1, 2)


def _inside(flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 1 h w"]:
    """1 where a flow leads to a place within the second frame, else 0."""
    height, width = flow.shape[2:]
    x = flow[:, :1] + torch.arange(width, device=flow.device, dtype=flow.dtype)
    y = flow[:, 1:] + torch.arange(height, device=flow.device, dtype=flow.dtype).unsqueeze(1)
    return ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)).to(flow.dtype)
