"""The options that mend what a message names: the only place that knows both."""

from typing import Final

_OPTIONS: Final = (
    ("choose another output folder", "choose another --output"),
    ("expected workers of at", "expected --workers of at"),
    ("take fewer workers", "take fewer --workers"),
    ("or overwrite ", "or --overwrite "),
    ("one of focal_px, fov_deg and calibration", "one of --focal-px, --fov and --calibration"),
    ("a source of scale makes", "--scale-from makes"),
    (
        "rectify them with the calibration, or without one",
        "run `leadline rectify` with the calibration, or with --uncalibrated",
    ),
    ("px, or rectify them", "px, or run `leadline rectify`"),
    ("the scale from ", "--scale-from "),
    ("as the source of scale", "as --scale-from"),
    ("give focal_px, fov_deg or a calibration", "give --focal-px, --fov or --calibration"),
    ("give the time in seconds", "give --tof-time in seconds"),
    ("leave flip and rotate", "leave out --flip and --rotate, or --tof-flip and --tof-rotate"),
    ("swap them", "swap them (--swap)"),
    ("exchange LEFT and RIGHT", "exchange LEFT and RIGHT (--swap)"),
    ("search for disparities from", "search for disparities by --min-disparity from"),
    ("'translation_unit: m'", "'translation_unit: m' in the file, or as --translation-unit m"),
    ("'translation_unit: cm'", "'translation_unit: cm' in the file, or as --translation-unit cm"),
    ("'translation_unit: mm'", "'translation_unit: mm' in the file, or as --translation-unit mm"),
    ("(translation_unit)", "(else --translation-unit cm or mm, or --square-mm if the unit is a square of the board)"),
    ("say so: unit ", "say so: --scale-unit "),
    ("say so by the unit ", "say so by --scale-unit "),
    ("give the baseline", "give --baseline-m"),
    ("or name the data set", "or name the data set: --dataset NAME --root FOLDER (leadline data list)"),
    ("as the unit of depth images", "as --depth-unit"),
    ("give the layout ", "give --layout "),
    ("say what it is with a card: ", "say what it is by --card CARD, or as "),
    ("name both views' files", "name both views' files, or say how the two views lie by --layout"),
)


def with_options(text: str) -> str:
    """A message or note with the option behind each mend that it names."""
    for phrase, words in _OPTIONS:
        text = text.replace(phrase, words)
    return text
