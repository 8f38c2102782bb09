"""Small text files: lines and matrices of numbers."""

from pathlib import Path

import numpy as np
from jaxtyping import Float64

from leadline.errors import InputError
from leadline.io.calib_values import numbers
from leadline.io.files import read_bytes

_MOST_BYTES = 1 << 28


def read_lines(path: Path | str, expected: str) -> list[str]:
    """The lines of a UTF-8 text file, without their ends.

    Args:
        path: The file.
        expected: What it should be, for the message: "a list of frames".
    Raises:
        InputError: If it is missing, empty, larger than 256 MB, or no text.
    """
    content = read_bytes(path, expected, _MOST_BYTES)
    try:
        # Not splitlines(): it also breaks at characters such as U+2028, which are no line ends here.
        lines = content.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"expected {expected}, got binary data in {path}; name the text file") from error
    return lines[:-1] if lines[-1] == "" else lines


def read_matrix(path: Path | str, rows: int, columns: int) -> Float64[np.ndarray, "rows columns"]:
    r"""A matrix of finite numbers with blanks between them, as ScanNet writes intrinsics and poses.

    Args:
        path: The file.
        rows: Its rows.
        columns: Its columns.
    Raises:
        InputError: If the file is missing or no text.
        CalibrationError: If it does not hold exactly that many finite numbers.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = Path(folder, "pose.txt").write_text("1 0 5\n0 1 7\n")
        ...     read_matrix(f"{folder}/pose.txt", rows=2, columns=3).tolist()
        [[1.0, 0.0, 5.0], [0.0, 1.0, 7.0]]
    """
    text = " ".join(read_lines(path, f"a {rows}x{columns} matrix"))
    return np.array(numbers(text, f"the matrix in {path}", (rows * columns,))).reshape(rows, columns)
