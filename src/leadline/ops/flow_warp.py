"""Warping an image by optical flow, or by depth and camera motion."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from leadline.ops.filters import at_least_float32

# A point whose depth falls below this share of what it was lies beside the other camera or behind it.
_NEAREST_SHARE = 1e-3


def warp_by_flow(
    source: Float[Tensor, "b c h w"], flow: Float[Tensor, "b 2 h w"]
) -> tuple[Float[Tensor, "b c h w"], Bool[Tensor, "b 1 h w"]]:
    """The source image as the target sees it: W(y, x) = S(y + v, x + u), bilinear.

    Args:
        source: Image or features that are read.
        flow: Where each target pixel lies in the source less where it lies in the target: (u, v), pixels.
    Returns:
        The warped image, beyond the border its first or last pixel, and which pixels were read inside the image,
        which reaches half a pixel beyond the outermost centres.
    """
    height, width = source.shape[2:]
    flow = at_least_float32(flow)
    x, y = (_pixel_centres(flow) + flow).unbind(1)
    # With align_corners=False, -1 and 1 are the outer edges of the image: pixel centre x lies at (2x + 1) / w - 1.
    grid = torch.stack([(2.0 * x + 1.0) / width - 1.0, (2.0 * y + 1.0) / height - 1.0], dim=3)
    warped = functional.grid_sample(source.to(grid.dtype), grid, padding_mode="border", align_corners=False)
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return warped.to(source.dtype), inside.unsqueeze(1)


def rigid_flow(
    depth: Float[Tensor, "b 1 h w"], intrinsics: Float[Tensor, "b 3 3"], source_from_target: Float[Tensor, "b 4 4"]
) -> tuple[Float[Tensor, "b 2 h w"], Bool[Tensor, "b 1 h w"]]:
    """The flow of a still scene under camera motion: f = K T D K^-1 p - p.

    Args:
        depth: Depth of the target view, > 0, in the unit of the translation.
        intrinsics: Camera matrix of both views, pixels at this resolution.
        source_from_target: Takes a point of the target camera's frame into the source camera's.
    Returns:
        The flow (u, v) in pixels, and which points lie in front of the source camera.
    Source: Yin and Shi 2018 (GeoNet), the rigid flow.
    """
    depth = at_least_float32(depth)
    pixels = _pixel_centres(depth).flatten(2)
    flat = depth.flatten(2)
    # Autocast would round the products: at 640 px, bfloat16 knows a position to 4 px.
    with torch.autocast(depth.device.type, enabled=False):
        camera, motion = intrinsics.to(depth.dtype), source_from_target.to(depth.dtype)
        rays = _rays(depth, intrinsics)
        projected = camera @ (motion[:, :3, :3] @ rays * flat + motion[:, :3, 3:])
    in_front = projected[:, 2:] > _NEAREST_SHARE * flat
    flow = projected[:, :2] / torch.where(in_front, projected[:, 2:], flat) - pixels
    return flow.reshape(pixels.shape[0], 2, *depth.shape[2:]), in_front.reshape(depth.shape)


def moved_depth(
    depth: Float[Tensor, "b 1 h w"], intrinsics: Float[Tensor, "b 3 3"], source_from_target: Float[Tensor, "b 4 4"]
) -> Float[Tensor, "b 1 h w"]:
    """Depth that the points of the target view have in the source camera; below 0 behind it.

    Args:
        depth: Depth of the target view, > 0, in the unit of the translation.
        intrinsics: Camera matrix of both views, pixels at this resolution.
        source_from_target: Takes a point of the target camera's frame into the source camera's.
    Source: Zou et al. 2018 (DF-Net), forward-backward consistency: the depth that is compared with the source view's
        own.
    """
    depth = at_least_float32(depth)
    with torch.autocast(depth.device.type, enabled=False):
        turn, shift = source_from_target[:, 2:3, :3].to(depth.dtype), source_from_target[:, 2, 3].to(depth.dtype)
        forward = (turn @ _rays(depth, intrinsics)).reshape(depth.shape)
    return forward * depth + shift.view(-1, 1, 1, 1)


def warp_by_depth(
    source: Float[Tensor, "b c h w"],
    depth: Float[Tensor, "b 1 h w"],
    intrinsics: Float[Tensor, "b 3 3"],
    source_from_target: Float[Tensor, "b 4 4"],
) -> tuple[Float[Tensor, "b c h w"], Bool[Tensor, "b 1 h w"]]:
    """The source image as the target camera would see a still scene of this depth.

    Args:
        source: Image or features that are read.
        depth: Depth of the target view, > 0, in the unit of the translation.
        intrinsics: Camera matrix of both views, pixels at this resolution.
        source_from_target: Takes a point of the target camera's frame into the source camera's.
    Returns:
        The warped image, and which pixels were read inside the image from in front of its camera.
    Source: Zhou et al. 2017 (SfMLearner), the differentiable depth image-based rendering.
    """
    flow, in_front = rigid_flow(depth, intrinsics, source_from_target)
    warped, inside = warp_by_flow(source, flow)
    return warped, inside & in_front


def _rays(map_: Float[Tensor, "b 1 h w"], intrinsics: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 3 n"]:
    """Point of depth 1 behind each pixel of a map, row by row."""
    pixels = _pixel_centres(map_).flatten(2)
    return intrinsics.to(map_.dtype).inverse() @ torch.cat([pixels, torch.ones_like(pixels[:, :1])], dim=1)


def _pixel_centres(map_: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 2 h w"]:
    """The place (x, y) of each pixel of a map."""
    batch, _, height, width = map_.shape
    x = torch.arange(width, device=map_.device, dtype=map_.dtype).expand(height, width)
    y = torch.arange(height, device=map_.device, dtype=map_.dtype).unsqueeze(1).expand(height, width)
    return torch.stack([x, y]).expand(batch, 2, height, width)
