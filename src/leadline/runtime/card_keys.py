"""Files that describe ONNX networks of other people: YAML keys checked against a dataclass, and checksums."""

import hashlib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final, cast, get_args

from leadline.errors import InputError
from leadline.io.files import read_bytes
from leadline.io.yaml_text import parse_yaml

_MOST_CARD_BYTES: Final = 1 << 20
_EXTERNAL: Final = b"\x0a\x08location\x12"
"""How an ONNX file names another one that holds weights: the key of an entry of external_data."""


def read_card_text(path: Path | str) -> Any:  # noqa: ANN401 - whatever it holds
    """Content of a card file.

    Args:
        path: The card, a YAML file.
    Raises:
        InputError: If it is missing, too large or not YAML.
    """
    return parse_yaml(read_bytes(path, "a card in YAML", _MOST_CARD_BYTES), "a card", str(path))


def checked_keys(content: object, kind: type[Any], where: str) -> dict[str, Any]:
    """The keys of a card or a part of it, each as its field wants it.

    Args:
        content: What the YAML file has there.
        kind: The dataclass that they are for. A field whose type is another dataclass or a tuple of some is left as
            it is.
        where: What it is, for the message.
    Raises:
        InputError: If it has no keys, or an unknown, missing or wrong one.
    Example:
        >>> from leadline.runtime.onnx_card import SizeRule
        >>> checked_keys({"side": "native", "multiple_of": 14}, SizeRule, "size")
        {'side': 'native', 'multiple_of': 14}
        >>> checked_keys({"side": "native", "multiple": 14}, SizeRule, "size")
        Traceback (most recent call last):
        leadline.errors.InputError: expected the keys side, pixels, multiple_of, height, width for size, got 'multiple'
    """
    if not isinstance(content, dict):
        raise InputError(f"expected keys and values for {where}, got {type(content).__name__}")
    keys = {str(key): value for key, value in cast("dict[object, object]", content).items()}
    known = {field.name: field for field in fields(kind)}
    if unknown := sorted(set(keys) - set(known)):
        raise InputError(f"expected the keys {', '.join(known)} for {where}, got {unknown[0]!r}")
    required = [name for name, field in known.items() if field.default is MISSING]
    if absent := [name for name in required if name not in keys]:
        raise InputError(f"expected the keys {', '.join(required)} for {where}, {absent[0]} is missing")
    return {name: _value(value, known[name].type, f"{name} of {where}") for name, value in keys.items()}


def require_checksum(weights: Path, sha256: str, card: Path | str) -> None:
    """Refuses a network that is not the one that its card means.

    Args:
        weights: The ONNX file.
        sha256: Of that file, as the card states it.
        card: The card's file, for the message.
    Raises:
        InputError: If the file is missing, has another checksum, or weights in other files.
    """
    content = read_bytes(weights, f"the network of the card {card}")
    if _EXTERNAL in content:
        raise InputError(
            f"expected a network in one file, got weights outside of {weights}, which the card's sha256 does not "
            "cover; save it with its weights inside"
        )
    found = hashlib.sha256(content).hexdigest()
    if found != sha256.lower():
        raise InputError(
            f"expected {weights} with sha256 {sha256[:12]}, got {found[:12]}; fetch it again or correct the card"
        )


def _value(value: object, hint: Any, where: str) -> object:  # noqa: ANN401 - any annotation of the two classes
    if hasattr(hint, "__dataclass_fields__"):
        return value
    if choices := get_args(hint):
        if any(hasattr(choice, "__dataclass_fields__") for choice in choices):
            return value
        if float in choices:
            return _three(value, where)
        if choices[-1] is Ellipsis:
            return _row(value, choices[0], where)
        if value not in choices:
            raise InputError(f"expected one of {', '.join(map(str, choices))} for {where}, got {value!r}")
        return value
    if hint is float and type(value) is int:
        return float(value)
    if not isinstance(value, hint) or isinstance(value, bool):
        raise InputError(f"expected {hint.__name__} for {where}, got {value!r}; quote it if it is text")
    return value


def _row(value: object, kind: type[Any], where: str) -> tuple[object, ...]:
    entries = cast("list[object]", value) if isinstance(value, list) else []
    if not entries or not all(type(entry) is kind for entry in entries):
        raise InputError(f"expected a list of {kind.__name__} for {where}, got {value!r:.60}; quote what is text")
    return tuple(entries)


def _three(value: object, where: str) -> tuple[float, ...]:
    numbers = cast("list[object]", value) if isinstance(value, list) else []
    if len(numbers) != 3 or not all(type(number) in (int, float) for number in numbers):
        raise InputError(f"expected three numbers for {where}, got {value!r}")
    return tuple(float(cast(float, number)) for number in numbers)
