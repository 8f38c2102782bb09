"""The fields of requests: what they are called, what they hold, and their values out of a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from leadline.errors import InputError

FieldType = Literal["file", "number", "integer", "boolean", "string"]

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off", ""})


@dataclass(frozen=True)
class Field:
    """A field of a form.

    Args:
        name: Its name, which is that of the option of the command.
        type: What it holds.
        about: What it means, in one line.
        required: Whether a request needs it.
        choices: The values that it may have; any if empty.
    """

    name: str
    type: FieldType
    about: str
    required: bool = False
    choices: tuple[str, ...] = ()

    def value(self, text: str) -> object:
        """The value of a text.

        Raises:
            InputError: If it is not of the field's type.

        >>> Field("max_disparity", "integer", "").value("64"), Field("swap", "boolean", "").value("true")
        (64, True)
        """
        try:
            if self.type == "number":
                return float(text)
            if self.type == "integer":
                return int(text)
        except ValueError:
            raise InputError(f"expected a {self.type} as {self.name}, got {text[:40]!r}") from None
        if self.type == "boolean":
            if text.lower() not in _TRUE | _FALSE:
                raise InputError(f"expected true or false as {self.name}, got {text[:40]!r}")
            return text.lower() in _TRUE
        if self.choices and text not in self.choices:
            raise InputError(f"expected {', '.join(self.choices)} as {self.name}, got {text[:40]!r}")
        return text


_CALIBRATION: Final = Field("calibration", "file", "Calibration file, in any form that leadline reads")
_FOCAL: Final = Field("focal_px", "number", "Focal length in pixels of the images, instead of a calibration")
_FOV: Final = Field("fov", "number", "Field of view across the width, degrees, instead of a calibration")
_LIMITS: Final = (
    Field("min_confidence", "number", "Least confidence of a pixel that becomes a point of the cloud"),
    Field("max_depth", "number", "Points of the cloud that are farther away are left out, metres"),
)
LAYOUTS: Final = ("side-by-side", "half-side-by-side", "over-under", "half-over-under")
STEREO_FIELDS: Final = (
    Field("left", "file", "Left image, or one file with both views", required=True),
    Field("right", "file", "Right image"),
    _CALIBRATION,
    Field("translation_unit", "string", "Unit of the calibration's translation", choices=("m", "cm", "mm")),
    Field("square_mm", "number", "Side of a square of the calibration board, mm"),
    _FOCAL,
    _FOV,
    Field("baseline_m", "number", "Distance between the cameras, metres, with focal_px or fov"),
    Field("max_disparity", "integer", "Largest disparity to look for, px"),
    Field("min_disparity", "integer", "Smallest disparity to look for, px"),
    *_LIMITS,
    Field("swap", "boolean", "Exchange the views"),
    Field("layout", "string", "How two views lie in one image", choices=LAYOUTS),
)
MONO_FIELDS: Final = (
    Field("image", "file", "The image", required=True),
    _CALIBRATION,
    _FOCAL,
    _FOV,
    Field("scale_from", "string", "height:METRES[@PITCH], ground:METRES or planes:NEAR:FAR"),
    *_LIMITS,
    Field("axes", "string", "Of cloud.ply", choices=("opencv", "opengl")),
    Field("mesh", "boolean", "Write mesh.glb, too"),
)


def texts_of(fields: tuple[Field, ...], given: Mapping[str, str]) -> dict[str, Any]:
    """Values of the fields that are no files; empty ones are left out.

    Args:
        fields: That a request may have.
        given: Name -> text.
    Raises:
        InputError: If a name is unknown or a value is of another type.

    >>> texts_of(STEREO_FIELDS, {"baseline_m": "0.12", "fov": ""})
    {'baseline_m': 0.12}
    """
    known = {field.name: field for field in fields if field.type != "file"}
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name not in known:
            raise InputError(f"expected fields out of {', '.join(field.name for field in fields)}, got {name[:40]!r}")
        if text:
            values[name] = known[name].value(text)
    return values
