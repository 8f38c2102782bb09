"""Calibration boards as PDF: vectors at true size, for a printer that does not scale."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.geometry.calibrate import Board, CharucoBoard, Chessboard
from leadline.io.atomic import atomic_write

_POINTS_PER_M: Final = 72.0 / 0.0254
_MARGIN_M: Final = 0.012
_RULER_M: Final = 0.1
_FOOT_M: Final = 0.008
_PAGES_M: Final = {
    "A4": (0.210, 0.297),
    "A3": (0.297, 0.420),
    "A2": (0.420, 0.594),
    "A1": (0.594, 0.841),
    "A0": (0.841, 1.189),
}

Rectangle = tuple[float, float, float, float]
"""Left, top, width and height in metres, from the board's upper left corner."""


def write_board_pdf(path: Path | str, board: Board) -> str:
    """Writes a board as a PDF of one page, with a ruler and what to measure below it.

    Args:
        path: A .pdf file; replaced whole if it exists.
        board: What to print.
    Returns:
        The page in words, such as "A4 landscape".
    Raises:
        OutputError: If it cannot be written.
    """
    rows, columns = _squares(board)
    width, height = columns * board.square_m, rows * board.square_m
    name, page = _page(width, height)
    left, bottom = (page[0] - width) / 2.0, (page[1] - height + _FOOT_M) / 2.0
    lines = ["0 g"]
    lines += [_rectangle(rectangle, left, bottom + height) for rectangle in black_rectangles(board)]
    ruler = left, bottom - _FOOT_M / 2.0
    length = min(_RULER_M, width)
    lines.append(f"0.5 w {_pt(ruler[0])} {_pt(ruler[1])} m {_pt(ruler[0] + length)} {_pt(ruler[1])} l S")
    for end in (0.0, length):
        lines.append(
            f"{_pt(ruler[0] + end)} {_pt(ruler[1] - 0.001)} m {_pt(ruler[0] + end)} {_pt(ruler[1] + 0.001)} l S"
        )
    words = f"{length * 1000:g} mm. Print at 100 %, measure a square. {describe_board(board)}"
    lines.append(f"BT /F1 6 Tf {_pt(ruler[0])} {_pt(ruler[1] - 0.003)} Td ({words}) Tj ET")
    with atomic_write(path) as file:
        file.write(_document("\n".join(lines), page))
    return name


def describe_board(board: Board) -> str:
    """A board in words, as the options that `leadline calibrate` takes for it count.

    Example:
        >>> describe_board(Chessboard(rows=6, columns=9, square_m=0.025))
        'Chessboard of 9x6 inner corners, squares of 25 mm'
    """
    side = f"squares of {board.square_m * 1000:g} mm"
    if isinstance(board, Chessboard):
        return f"Chessboard of {board.columns}x{board.rows} inner corners, {side}"
    return (
        f"ChArUco board of {board.columns}x{board.rows} squares, {side}, markers of {board.marker_m * 1000:g} mm, "
        f"{board.dictionary}"
    )


def black_rectangles(board: Board) -> list[Rectangle]:
    """The black parts of a board in metres.

    Example:
        >>> len(black_rectangles(Chessboard(rows=3, columns=3, square_m=0.03)))  # of 4x4 squares
        8
    """
    side = board.square_m
    rows, columns = _squares(board)
    # ChArUco boards differ by OpenCV's version in which squares are black: OpenCV's own drawing tells.
    dark = _dark_squares(board) if isinstance(board, CharucoBoard) else np.indices((rows, columns)).sum(axis=0) % 2 == 0
    found = [(column * side, row * side, side, side) for row, column in np.argwhere(dark).tolist()]
    return found + (_marker_rectangles(board) if isinstance(board, CharucoBoard) else [])


def _squares(board: Board) -> tuple[int, int]:
    extra = 1 if isinstance(board, Chessboard) else 0
    return board.rows + extra, board.columns + extra


def _dark_squares(board: CharucoBoard) -> "np.ndarray":
    drawn = np.asarray(board.opencv().generateImage((board.columns * 40, board.rows * 40)), np.uint8)
    return drawn[1::40, 1::40] < 128


def _marker_rectangles(board: CharucoBoard) -> list[Rectangle]:
    """Each black cell of each marker; a row of cells at a time, so that no gaps show between them."""
    shape, found = board.opencv(), list[Rectangle]()
    markers = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
    cells = int(markers.markerSize) + 2
    step = board.marker_m / cells
    for number, corners in zip(np.asarray(shape.getIds()).ravel().tolist(), shape.getObjPoints(), strict=True):
        left, top = np.asarray(corners, dtype=np.float64)[:, :2].min(axis=0).tolist()
        image: UInt8[np.ndarray, "c c"] = np.asarray(cv2.aruco.generateImageMarker(markers, number, cells), np.uint8)
        for row, line in enumerate(image):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], (line < 128).astype(np.int8), [0]])))
            for first, last in edges.reshape(-1, 2).tolist():
                found.append((left + first * step, top + row * step, (last - first) * step, step))
    return found


def _page(width: float, height: float) -> tuple[str, tuple[float, float]]:
    """The smallest page that holds the board, lying or upright; one of its own where none does."""
    needed = width + 2 * _MARGIN_M, height + 2 * _MARGIN_M + _FOOT_M
    for name, (short, long) in _PAGES_M.items():
        for words, page in (("landscape", (long, short)), ("portrait", (short, long))):
            if needed[0] <= page[0] and needed[1] <= page[1]:
                return f"{name} {words}", page
    return f"{needed[0] * 1000:.0f}x{needed[1] * 1000:.0f} mm", needed


def _pt(metres: float) -> str:
    return f"{metres * _POINTS_PER_M:.4f}"


def _rectangle(rectangle: Rectangle, left: float, top: float) -> str:
    x, y, width, height = rectangle
    return f"{_pt(left + x)} {_pt(top - y - height)} {_pt(width)} {_pt(height)} re f"


def _document(content: str, page: tuple[float, float]) -> bytes:
    """Source: ISO 32000-1, 7.5, the structure of a PDF file."""
    stream = content.encode("ascii")
    box = f"[0 0 {_pt(page[0])} {_pt(page[1])}]"
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
        ).encode("ascii"),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), list[int]()
    for index, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (index, part)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, start)
    return bytes(out)
