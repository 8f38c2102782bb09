"""Image sizes as words on the command line."""

import re

from leadline.errors import InputError


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from a word like 640x480, WIDTHxHEIGHT.

    >>> parse_size("640x480")
    (480, 640)

    Raises:
        InputError: If it is no such word, or a side is 0.
    """
    found = re.fullmatch(r"\s*(\d{1,5})x(\d{1,5})\s*", text)
    if found is None or 0 in (width := int(found[1]), height := int(found[2])):
        raise InputError(f"expected a size as WIDTHxHEIGHT in pixels, such as 640x480, got {text!r}")
    return height, width
