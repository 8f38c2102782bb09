"""Text on images, in one face and with one weight."""

import cv2
import numpy as np
from jaxtyping import UInt8

_FACE = cv2.FONT_HERSHEY_SIMPLEX
_WEIGHT = 1

INK_RGB = (20, 20, 20)


def text_size(text: str, scale: float) -> tuple[int, int]:
    """Width and height in pixels that a line of text takes.

    Args:
        text: One line, ASCII.
        scale: 0.5 gives capitals of about 11 px.
    """
    (width, height), _ = cv2.getTextSize(text, _FACE, scale, _WEIGHT)
    return int(width), int(height)


def draw_text(
    image: UInt8[np.ndarray, "h w 3"],
    text: str,
    origin: tuple[int, int],
    scale: float,
    color: tuple[int, int, int] = INK_RGB,
) -> None:
    """Writes a line of text into the image.

    Args:
        image: RGB, changed in place.
        text: One line; characters outside ASCII become "?".
        origin: Column and row of the lower left end of the line.
        scale: 0.5 gives capitals of about 11 px.
        color: RGB.
    """
    printable = text.encode("ascii", "replace").decode("ascii")
    cv2.putText(image, printable, origin, _FACE, scale, color, _WEIGHT, cv2.LINE_AA)


def fitted(text: str, scale: float, width: int) -> str:
    """The text, cut with dots at its end if it is wider than this.

    Args:
        text: One line.
        scale: As it will be drawn.
        width: Pixels.
    Example:
        >>> fitted("a title that is too long", 0.5, 100)
        'a title that is t...'
    """
    if text_size(text, scale)[0] <= width:
        return text
    while text and text_size(text + "...", scale)[0] > width:
        text = text[:-1]
    return text + "..."
