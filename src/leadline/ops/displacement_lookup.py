"""Comparing each pixel with a window of the other frame, wherever its motion says that it is."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class LookupTable:
    """Features of two frames laid out to be compared a row of a window at a time; made by `lookup_table`.

    Attributes:
        first: Features of each pixel of the first frame, repeated for each pixel of a window's row.
        second: For each place where a window's row may begin, the features along it.
        sums: Adds what belongs to each pixel of the row.
        radius: Pixels of the window on each side of its middle.
        shape: Number of frames, height, width.
    """

    first: Float[Tensor, "n m"]
    second: Float[Tensor, "p m"]
    sums: Float[Tensor, "m k"]
    radius: int
    shape: tuple[int, int, int]


def lookup_table(first: Float[Tensor, "b c h w"], second: Float[Tensor, "b c h w"], radius: int) -> LookupTable:
    """Prepare the features of two frames for `displacement_lookup`.

    Args:
        first: Features of the first frame.
        second: Features of the second frame; no gradient flows into them.
        radius: Pixels of the window on each side of its middle.
    """
    batch, channels, height, width = second.shape
    side = 2 * radius + 1
    padded = functional.pad(second.detach(), (radius, radius, radius, radius)).permute(0, 2, 3, 1)
    # Neighbouring pixels side by side, so that one read fetches a whole row of the window.
    rows = torch.cat([padded[:, :, x : x + width] for x in range(side)], dim=3).reshape(-1, side * channels)
    own = first.permute(0, 2, 3, 1).reshape(-1, channels).repeat(1, side)
    sums = torch.eye(side, device=first.device, dtype=first.dtype).repeat_interleave(channels, dim=0)
    return LookupTable(own, rows, sums, radius, (batch, height, width))


def displacement_lookup(table: LookupTable, flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b k h w"]:
    """Inner products of each first feature with those of the second frame around where a flow leads.

    Args:
        table: The features.
        flow: Whole pixels of the features.
    Returns:
        S(y, x) = <F(y, x), S(y + v + dy, x + u + dx)> for the displacements (dx, dy) row by row from the upper left;
        the middle stays within the second frame, beyond which everything is 0.
    Source: RAFT (Teed and Deng 2020), section 3.2, here at whole pixels and without storing all pairs.
    """
    batch, height, width = table.shape
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)
    lines = torch.arange(height, device=flow.device, dtype=flow.dtype).unsqueeze(1)
    x = (flow[:, 0] + columns).clamp(0, width - 1).long()
    y = (flow[:, 1] + lines).clamp(0, height - 1).long()
    frames = torch.arange(batch, device=flow.device).view(-1, 1, 1) * (height + 2 * table.radius)
    start = ((frames + y) * width + x).reshape(-1)
    side = 2 * table.radius + 1
    # A product with ones sums faster than a reduction does, in torch and in ONNX Runtime.
    scores = [(functional.embedding(start + dy * width, table.second) * table.first) @ table.sums for dy in range(side)]
    return torch.cat(scores, dim=1).view(batch, height, width, side * side).permute(0, 3, 1, 2)
