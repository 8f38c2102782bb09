"""Writes docs/images/robust-losses.png: Barron's loss and its slope for five shapes."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float64, UInt8

from leadline.io.images import write_image
from leadline.losses import general_robust
from leadline.visual.sheet import Panel, sheet
from leadline.visual.text import draw_text

TARGET = Path(__file__).resolve().parents[1] / "images" / "robust-losses.png"
ALPHAS = (2.0, 1.0, 0.0, -2.0, -torch.inf)
COLORS = ((215, 48, 39), (230, 140, 40), (40, 140, 70), (50, 110, 190), (90, 50, 150))
REACH = 6.0
HEIGHT, WIDTH = 320, 480
MARGIN = 34
AXIS_RGB = (150, 150, 150)
SHIFT_BITS = 4
"""OpenCV takes points in 1 / 2^4 pixels, which makes smooth lines."""

Curve = Callable[[float], tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]]


def loss(alpha: float) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Errors and rho at scale 1."""
    error = torch.linspace(-REACH, REACH, 601, dtype=torch.float64)
    return error.numpy(), general_robust(error, alpha, 1.0).numpy()


def slope(alpha: float) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Errors and the derivative of rho: how hard an error pulls."""
    error = torch.linspace(-REACH, REACH, 601, dtype=torch.float64, requires_grad=True)
    (pull,) = torch.autograd.grad(general_robust(error, alpha, 1.0).sum(), error)
    return error.detach().numpy(), pull.numpy()


def plot(curve: Curve, low: float, high: float, legend: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """One line for each shape, between two values of the vertical axis; the legend begins at a column and row."""
    canvas = np.full((HEIGHT, WIDTH, 3), 255, dtype=np.uint8)

    def place(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        column = MARGIN + (x + REACH) / (2.0 * REACH) * (WIDTH - 2 * MARGIN)
        row = HEIGHT - MARGIN - (y - low) / (high - low) * (HEIGHT - 2 * MARGIN)
        return np.rint(np.stack([column, row], axis=-1) * 2**SHIFT_BITS).astype(np.int32)

    ends = np.array([-REACH, REACH])
    zero, span = np.zeros(2), np.array([low, high])
    for points in (place(ends, zero), place(zero, span)):
        cv2.polylines(canvas, [points], False, AXIS_RGB, 1, cv2.LINE_AA, SHIFT_BITS)
    for tick in range(-int(REACH), int(REACH) + 1, 2):
        x, y = place(np.array(float(tick)), np.array(0.0)) // 2**SHIFT_BITS
        draw_text(canvas, str(tick), (int(x) - 4, int(y) + 14), 0.35, AXIS_RGB)
    for index, (alpha, color) in enumerate(zip(ALPHAS, COLORS, strict=True)):
        error, value = curve(alpha)
        inside = (value >= low) & (value <= high)
        points = place(error[inside], value[inside])
        cv2.polylines(canvas, [points], False, color, 2, cv2.LINE_AA, SHIFT_BITS)
        draw_text(canvas, f"alpha {alpha:g}", (legend[0], legend[1] + 18 * index), 0.42, color)
    return canvas


def main() -> None:
    """Draws both plots side by side."""
    panels = [
        Panel("rho(x, alpha, c = 1) over x", plot(loss, 0.0, 6.0, (260, 56))),
        Panel("its derivative: how hard an error pulls", plot(slope, -3.0, 3.0, (370, 222))),
    ]
    write_image(TARGET, sheet([panels], panel_width=WIDTH))


if __name__ == "__main__":
    main()
