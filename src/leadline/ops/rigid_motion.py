"""Rigid motions from the six numbers of a pose network."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.ops.filters import at_least_float32

_SERIES_BELOW = 0.25
"""Squared angle below which the series is taken: seven terms of it are exact in float64 there."""
_TERMS = 7


def se3_exponential(twist: Float[Tensor, "*b 6"]) -> Float[Tensor, "*b 4 4"]:
    """The rigid motion exp(twist): a turn by its last three numbers, and the shift that comes with it.

    Its derivatives are exact at every angle, at zero too, where autograd through a division by the angle gives NaN.

    Args:
        twist: Velocity (unit of the translation), then rotation as axis times angle (radians).
    Returns:
        [[R, V v], [0, 1]] with R = I + A W + B W^2 and V = I + B W + C W^2, where W is the cross-product matrix of the
        rotation w, A = sin|w| / |w|, B = (1 - cos|w|) / |w|^2 and C = (|w| - sin|w|) / |w|^3; at least float32.
    Source: Murray, Li and Sastry 1994, A Mathematical Introduction to Robotic Manipulation, exponential
        coordinates for rigid motion.

    Example:
        >>> se3_exponential(torch.tensor([1.0, 2.0, 3.0, 0.0, 0.0, 0.0]))[:3, 3].tolist()
        [1.0, 2.0, 3.0]
    """
    twist = at_least_float32(twist)
    # Autocast would round the products.
    with torch.autocast(twist.device.type, enabled=False):
        velocity, rotation = twist[..., :3, None], twist[..., 3:]
        cross = _cross_matrix(rotation)
        square = cross @ cross
        a, b, c = (factor[..., None] for factor in _factors(rotation.square().sum(dim=-1, keepdim=True)))
        identity = torch.eye(3, dtype=twist.dtype, device=twist.device)
        turned = identity + a * cross + b * square
        moved = velocity + b * (cross @ velocity) + c * (square @ velocity)
    last = twist.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*twist.shape[:-1], 1, 4)
    return torch.cat([torch.cat([turned, moved], dim=-1), last], dim=-2)


def inverse_motion(motion: Float[Tensor, "*b 4 4"]) -> Float[Tensor, "*b 4 4"]:
    """The motion back: [R' | -R' t] of a rigid motion [R | t].

    Args:
        motion: Rigid motions.
    """
    back = motion[..., :3, :3].transpose(-1, -2)
    shift = -(back @ motion[..., :3, 3:])
    return torch.cat([torch.cat([back, shift], dim=-1), motion[..., 3:, :]], dim=-2)


def _factors(squared: Float[Tensor, "*b 1"]) -> tuple[Tensor, Tensor, Tensor]:
    """A, B and C of the squared angle, each smooth in it; the branch not taken sees an angle that it can divide by."""
    small = squared < _SERIES_BELOW
    inner, outer = torch.where(small, squared, 0.0), torch.where(small, 1.0, squared)
    angle = outer.sqrt()
    # 2 sin^2(x / 2) keeps the digits that 1 - cos x loses.
    closed = (angle.sin() / angle, 2.0 * (0.5 * angle).sin().square() / outer, (angle - angle.sin()) / (angle * outer))
    chosen = (torch.where(small, _series(inner, first), whole) for first, whole in enumerate(closed, start=1))
    a, b, c = chosen
    return a, b, c


def _series(squared: Float[Tensor, "*b 1"], first: int) -> Float[Tensor, "*b 1"]:
    """Sum of (-x)^k / (2 k + first)! over k: for first = 1, 2 and 3 the series of A, B and C."""
    total = torch.zeros_like(squared)
    for term in range(_TERMS, -1, -1):
        total = 1.0 / math.factorial(2 * term + first) - squared * total
    return total


def _cross_matrix(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """The matrix whose product with x is the cross product of a vector with x."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(*vector.shape, 3)
