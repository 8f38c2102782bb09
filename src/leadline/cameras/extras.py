"""The cameras' SDKs: packages that are imported when a camera of theirs is opened."""

from importlib import import_module
from typing import Any

from leadline.errors import CameraError, MissingExtraError


def load_sdk(package: str, camera: str) -> Any:  # noqa: ANN401 - a module of an extra
    """A package of `leadline[cameras]`.

    Args:
        package: Its module.
        camera: What it is for, for the message.
    Raises:
        MissingExtraError: If it is not installed.

    >>> load_sdk("no_such_sdk", "a camera of the future")
    Traceback (most recent call last):
    leadline.errors.MissingExtraError: expected the package no_such_sdk for a camera of the future, found none; ...
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package.partition(".")[0]:
            raise
        raise MissingExtraError(
            f'expected the package {package} for {camera}, found none; install it with pip install "leadline[cameras]"'
        ) from error


def load_zed_sdk() -> Any:  # noqa: ANN401 - a module of an SDK
    """The module `pyzed.sl`, which comes with the ZED SDK.

    Raises:
        CameraError: If it is not there, or another package of its name is.
    """
    mend = "install the ZED SDK and run its get_python_api.py, or open the camera without it as uvc:0 (zed-mini, zed-2)"
    try:
        return import_module("pyzed.sl")
    except ModuleNotFoundError as error:
        if error.name not in ("pyzed", "pyzed.sl"):
            raise
        if error.name == "pyzed.sl":
            raise CameraError(
                "expected Stereolabs' pyzed, which has the module sl, got another package of that name: the one on "
                f"PyPI is an unrelated program; uninstall it, then {mend}"
            ) from error
        raise CameraError(f"expected Stereolabs' Python module pyzed.sl, got none; {mend}") from error
    except ImportError as error:
        raise CameraError(f"expected Stereolabs' Python module pyzed.sl, it does not load ({error}); {mend}") from error
