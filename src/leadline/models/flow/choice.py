"""Choice between hypotheses of a pixel's motion: a network's own, and those of classical flow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.classical.flow_prior import EVIDENCE, HYPOTHESES
from leadline.models.blocks import conv_relu, enlarge

_NEAR = 0.3
"""Slope of the differences that are compared, 1/px."""
_FIRST_LOGITS = (-1.5, 1.5, -0.5, -1.0)
"""What the network's own flow and each hypothesis of classical flow weigh at first: mostly DIS."""


@dataclass(frozen=True)
class Hypotheses:
    """What classical flow says at one resolution.

    Args:
        flows: One for each of `HYPOTHESES`, in pixels of this resolution.
        evidence: The layers of `EVIDENCE`.
    """

    GUIDES: ClassVar[int] = 2 * len(HYPOTHESES) + len(EVIDENCE)

    flows: tuple[Float[Tensor, "b 2 h w"], ...]
    evidence: Float[Tensor, "b k h w"]

    @classmethod
    def of(cls, prior: Float[Tensor, "b layers h2 w2"], stride: int) -> "Hypotheses":
        """The layers of a prior at every `stride`-th pixel, where the features of that resolution are centred.

        Args:
            prior: As `leadline.classical.flow_prior` makes it.
            stride: Input pixels between two features.
        """
        layers = prior[:, :, ::stride, ::stride]
        count = 2 * len(HYPOTHESES)
        flows = (layers[:, :count] / stride).split(2, dim=1)
        return cls(tuple(flows), layers[:, count : count + len(EVIDENCE)])

    def guide(self, flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b guides h w"]:
        """How far each hypothesis is from a flow, up to some pixels, and the evidence."""
        apart = [(_NEAR * (other - flow.detach())).tanh() for other in self.flows]
        return torch.cat([*apart, self.evidence], dim=1)


@dataclass(frozen=True)
class Chosen:
    """Result of a choice.

    Args:
        logits: Weight of the network's own flow, then of each hypothesis, before the softmax.
        doubt: What the choice adds to the logit of the confidence.
    """

    logits: Float[Tensor, "b k h w"]
    doubt: Float[Tensor, "b 1 h w"] | None = None

    def mixed(self, flows: Sequence[Float[Tensor, "b 2 h2 w2"]]) -> Float[Tensor, "b 2 h2 w2"]:
        """The mean of the flows, weighted at their own resolution."""
        factor = flows[0].shape[2] // self.logits.shape[2]
        logits = enlarge(self.logits, factor) if factor > 1 else self.logits
        # Bounded, so that no maximum need be searched before the exponential.
        weights = logits.clamp(-20.0, 20.0).exp()
        total = torch.stack([weights[:, i : i + 1] * flow for i, flow in enumerate(flows)]).sum(dim=0)
        return total / weights.sum(dim=1, keepdim=True)


class Choice(nn.Module):
    """Weighs a flow and the hypotheses of classical flow by how well each of them matches, and by what it has seen.

    Args:
        features: Channels of the network's hidden features.
        width: Channels in between.
        judges: Whether it says something on the confidence, too.
    """

    def __init__(self, features: int, width: int, judges: bool = False) -> None:
        super().__init__()
        count = 1 + len(HYPOTHESES)
        self.enter = nn.Conv2d(features + Hypotheses.GUIDES + count, width, 1)
        self.body = conv_relu(width, width)
        self.out = quiet(nn.Conv2d(width, count, 3, padding=1))
        with torch.no_grad():
            assert self.out.bias is not None, "a convolution has a bias unless told otherwise"
            self.out.bias.copy_(torch.tensor(_FIRST_LOGITS))
        self.judge = None
        if judges:
            self.judge = nn.Sequential(
                conv_relu(width + Hypotheses.GUIDES + 2 * count, 24, kernel=1), quiet(nn.Conv2d(24, 1, 1))
            )

    def forward(
        self,
        flow: Float[Tensor, "b 2 h w"],
        hidden: Float[Tensor, "b c h w"],
        prior: Hypotheses,
        pair: tuple[Float[Tensor, "b d h w"], Float[Tensor, "b d h w"]],
    ) -> Chosen:
        """Weights of the hypotheses.

        Args:
            flow: The network's own, in pixels of this resolution.
            hidden: Its features.
            prior: What classical flow says.
            pair: Features of length one of both frames, to compare.
        """
        flow = flow.detach()
        guide = prior.guide(flow)
        alike = torch.cat([similarity(*pair, other) for other in (flow, *prior.flows)], dim=1)
        seen = functional.relu(self.enter(torch.cat([hidden, guide, alike], dim=1)))
        seen = self.body(seen)
        logits = self.out(seen).float()
        if self.judge is None:
            return Chosen(logits)
        signs = torch.cat([seen.float(), guide, alike, logits], dim=1).detach()
        return Chosen(logits, self.judge(signs).float())

    def blended(
        self,
        flow: Float[Tensor, "b 2 h w"],
        hidden: Float[Tensor, "b c h w"],
        prior: Hypotheses,
        pair: tuple[Float[Tensor, "b d h w"], Float[Tensor, "b d h w"]],
    ) -> tuple[Float[Tensor, "b 2 h w"], Chosen]:
        """The mean of the hypotheses at this resolution, and the choice; arguments as for a call."""
        chosen = self(flow, hidden, prior, pair)
        return chosen.mixed([flow, *prior.flows]), chosen


def similarity(
    first: Float[Tensor, "b c h w"], second: Float[Tensor, "b c h w"], flow: Float[Tensor, "b 2 h w"]
) -> Float[Tensor, "b 1 h w"]:
    """Inner product of each first feature with that of the second frame where a flow leads, to whole pixels.

    Args:
        first: Features of the first frame.
        second: Features of the second; no gradient flows into them.
        flow: In pixels of the features; beyond the frame is its border.
    """
    height, width = flow.shape[2:]
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)
    lines = torch.arange(height, device=flow.device, dtype=flow.dtype).unsqueeze(1)
    x = (flow[:, 0] + columns + 0.5).floor().clamp(0, width - 1).long()
    y = (flow[:, 1] + lines + 0.5).floor().clamp(0, height - 1).long()
    frames = torch.arange(flow.shape[0], device=flow.device).view(-1, 1, 1) * height
    rows = second.detach().permute(0, 2, 3, 1).reshape(-1, second.shape[1])
    found = functional.embedding((frames + y) * width + x, rows)
    return (found * first.permute(0, 2, 3, 1)).sum(dim=3).unsqueeze(1)


def quiet(layer: nn.Conv2d) -> nn.Conv2d:
    """A layer that says next to nothing at first: what it corrects is a good start."""
    with torch.no_grad():
        layer.weight.mul_(0.02)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
