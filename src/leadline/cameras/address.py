"""Addresses of sources: SCHEME:PLACE?KEY=VALUE&KEY=VALUE."""

import re
from dataclasses import dataclass, field
from typing import Final

from leadline.cameras.presets import PRESETS
from leadline.errors import InputError

SCHEMES: Final = {
    "uvc": ("size", "fps", "format", "layout"),
    "realsense": ("size", "fps", "emitter"),
    "oak": ("size", "fps"),
    "zed": ("size", "fps"),
    "file": ("layout", "fps", "pace"),
    "bag": ("left", "right", "pace"),
}
"""Scheme -> the options that its sources take."""
_OPTIONS: Final = re.compile(r"\?((?:[a-z_]+=[^&?]*)(?:&[a-z_]+=[^&?]*)*)$")
_LIVE_TOPICS: Final = ("ros", "ros2", "rostopic")


@dataclass(frozen=True)
class Address:
    """An address in its parts.

    Args:
        scheme: One of `SCHEMES`.
        place: What the scheme makes of it: a number, a serial number, a file, or nothing.
        options: The options that were given.
        text: The whole, for messages.
    """

    scheme: str
    place: str
    options: dict[str, str] = field(default_factory=dict[str, str])
    text: str = ""

    def size(self) -> tuple[int, int] | None:
        """(height, width) of one view as the option size=WIDTHxHEIGHT gives it; None without it.

        Raises:
            InputError: If it is no size.
        """
        text = self.options.get("size")
        if text is None:
            return None
        found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
        if found is None or 0 in (sides := (int(found[2]), int(found[1]))):
            raise InputError(f"expected size=WIDTHxHEIGHT in {self.text}, got {text!r}; such as size=640x480")
        return sides

    def rate(self) -> float | None:
        """Frames a second as the option fps gives them; None without it.

        Raises:
            InputError: If it is no number above 0.
        """
        text = self.options.get("fps")
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0.0 < value <= 1000.0:
            raise InputError(f"expected fps above 0 in {self.text}, got {text!r}; such as fps=30")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """An option that is one of several words; None without it.

        Raises:
            InputError: If it is another one.
        """
        text = self.options.get(name)
        if text is not None and text not in choices:
            raise InputError(f"expected {name} out of {', '.join(choices)} in {self.text}, got {text!r}")
        return text


def parse_address(text: str) -> Address:
    """The parts of an address; a name without a scheme is a preset's, or one of a film, folder, pattern or bag.

    Args:
        text: Such as `uvc:0?size=1280x720&fps=30`, `realsense:`, `file:street.mp4`, `street.mp4`, `zed-mini`.
    Raises:
        InputError: If the scheme or an option is unknown.
    Example:
        >>> address = parse_address("uvc:2?size=640x480&fps=30")
        >>> address.scheme, address.place, address.size(), address.rate()
        ('uvc', '2', (480, 640), 30.0)
        >>> parse_address("frames/left_?.png").scheme
        'file'
        >>> parse_address("ros:/camera")
        Traceback (most recent call last):
        leadline.errors.InputError: expected a camera or a recording, got a live ROS topic in ros:/camera; ...
    """
    found = _OPTIONS.search(text)
    bare = text if found is None else text[: found.start()]
    scheme, colon, place = bare.partition(":")
    if not colon and bare in PRESETS:
        preset = parse_address(PRESETS[bare].address)
        scheme, place, inherited = preset.scheme, preset.place, preset.options
    else:
        inherited = dict[str, str]()
        # One letter is a drive of Windows.
        if not colon or len(scheme) == 1 or not re.fullmatch(r"[a-z][a-z0-9-]*", scheme):
            scheme, place = ("bag" if _is_bag(bare) else "file"), bare
    if scheme in _LIVE_TOPICS:
        raise InputError(
            f"expected a camera or a recording, got a live ROS topic in {text}; leadline needs no ROS and listens to "
            "no topics: record them (ros2 bag record) and give bag:FOLDER, or open the camera itself"
        )
    if scheme in PRESETS:
        preset = parse_address(PRESETS[scheme].address)
        scheme, place, inherited = preset.scheme, place or preset.place, preset.options
    if scheme not in SCHEMES:
        raise InputError(
            f"expected a source that begins with {', '.join(f'{name}:' for name in SCHEMES)} or a preset's name, got "
            f"{text[:80]!r}; a file's name may follow file:"
        )
    given = dict(pair.split("=", 1) for pair in found[1].split("&")) if found is not None else {}
    unknown = next((name for name in given if name not in SCHEMES[scheme]), None)
    if unknown is not None:
        raise InputError(
            f"expected options out of {', '.join(SCHEMES[scheme])} for {scheme}:, got {unknown!r} in {text[:80]}"
        )
    return Address(scheme, place, {**inherited, **given}, text)


def _is_bag(name: str) -> bool:
    return name.lower().endswith((".bag", ".mcap", ".db3"))
