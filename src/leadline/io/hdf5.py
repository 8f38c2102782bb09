"""Arrays out of HDF5 files; h5py is imported when the first one is read."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from leadline.errors import InputError, MissingExtraError
from leadline.io.image_header import MAX_PIXELS


def read_hdf5_plane(path: Path | str, name: str) -> Float32[np.ndarray, "h w"]:
    """A two-dimensional array of real numbers, as float32.

    Args:
        path: The HDF5 file.
        name: The dataset in it: "depth".
    Returns:
        The values, with any inf and NaN.
    Raises:
        InputError: If it is missing, not an HDF5 file, or has no such array of numbers.
        MissingExtraError: If h5py is not installed.
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(f"expected an HDF5 file at {source}, got no such file; check the name")
    h5py = _import_h5py()
    try:
        with h5py.File(source, "r") as file:
            values: Any = file[name]
            if len(values.shape) != 2 or values.dtype.kind not in "fiu" or not 0 < values.size <= MAX_PIXELS:
                raise InputError(
                    f"expected real numbers of shape (height, width) under {name!r}, got {values.dtype} of "
                    f"{values.shape} in {source}; fetch it again"
                )
            return np.asarray(values[()]).astype(np.float32)
    except (OSError, KeyError, AttributeError, RuntimeError) as error:  # what h5py raises on damaged or other files
        raise InputError(
            f"expected an HDF5 file with an array {name!r}, got another or a damaged one in {source}; fetch it again"
        ) from error


def _import_h5py() -> Any:  # noqa: ANN401 - it may not be there to take a type from
    try:
        return importlib.import_module("h5py")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "expected the package h5py to read HDF5 files, found none; install it with pip install h5py"
        ) from error
