"""Matched features between two views, and how far they are from an epipolar geometry."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from leadline.errors import InputError
from leadline.geometry.image import Image, brightness, check_same_size, stretch_contrast

_NEIGHBOURS = 8
_PATCH_PX = 48


@dataclass(frozen=True, eq=False)
class Matches:
    """The same scene points in two views, pixels (x, y), pixel centres being integers.

    Args:
        left: Their places in the left view.
        right: Their places in the right view, in the same order.
    Example:
        >>> matches = Matches(np.array([[10.0, 5.0]]), np.array([[3.0, 6.0]]))
        >>> matches.disparities_px.tolist(), matches.vertical_offsets_px.tolist()
        ([7.0], [1.0])
    """

    left: Float64[np.ndarray, "n 2"]
    right: Float64[np.ndarray, "n 2"]

    def __len__(self) -> int:
        """Number of matches."""
        return len(self.left)

    def __getitem__(self, keep: Bool[np.ndarray, " n"]) -> "Matches":
        """The matches that a mask keeps."""
        return Matches(self.left[keep], self.right[keep])

    @property
    def disparities_px(self) -> Float64[np.ndarray, " n"]:
        """x_left - x_right: positive in front of the horizon of a rectified pair."""
        return self.left[:, 0] - self.right[:, 0]

    @property
    def vertical_offsets_px(self) -> Float64[np.ndarray, " n"]:
        """y_right - y_left: zero in a rectified pair, positive where the right image's content lies lower."""
        return self.right[:, 1] - self.left[:, 1]


def match_views(left: Image, right: Image, max_features: int = 1500, max_side_px: int = 1000) -> Matches:
    """Trustworthy feature matches between two views that need not be rectified.

    SIFT with ratio and mutual tests, then two filters that assume nothing about the rig except that it has one
    epipolar geometry and that neighbours in the image mostly move alike (which is what rejects wrong matches of
    repetitive texture along epipolar lines). Images larger than `max_side_px` are matched at that size and the
    matches are then refined in the full image.

    Args:
        left: Left view.
        right: Right view of the same size.
        max_features: Strongest features kept per view.
        max_side_px: Longest side at which features are sought.
    Returns:
        Matches in pixels of the given images, perhaps none.
    Raises:
        InputError: If the sizes differ or an image is neither grey nor RGB.
    Source: Lowe 2004 for features and ratio test; Barath et al. 2020 (MAGSAC++) for the epipolar filter.
    """
    check_same_size(left, right)
    return match_grey(brightness(left), brightness(right), max_features, max_side_px)


def match_grey(
    left: Float32[np.ndarray, "h w"], right: Float32[np.ndarray, "h w"], max_features: int, max_side_px: int
) -> Matches:
    """`match_views` for images that are already grey in [0, 1]."""
    scale = min(1.0, max_side_px / max(left.shape))
    views = [stretch_contrast(_shrunk(view, scale)) for view in (left, right)]
    matches = _match_descriptors(_features(views[0], max_features), _features(views[1], max_features))
    matches = matches[_agree_with_neighbours(matches)]
    if len(matches) >= 16:
        matches = matches[fundamental_matrix(matches, threshold_px=2.0)[1]]
    if scale == 1.0:
        return matches
    # The resize keeps image borders, so pixel centres shift: x = (x' + 0.5) / s - 0.5, per axis as rounded.
    factors = np.array(left.shape[::-1]) / np.array(views[0].shape[::-1])
    coarse = Matches((matches.left + 0.5) * factors - 0.5, (matches.right + 0.5) * factors - 0.5)
    return _refined(left, right, coarse, float(factors.max()))


def fundamental_matrix(
    matches: Matches, threshold_px: float = 1.0
) -> tuple[Float64[np.ndarray, "3 3"], Bool[np.ndarray, " n"]]:
    """The fundamental matrix F of two views, x_right^T F x_left = 0, found robustly.

    Args:
        matches: At least 8.
        threshold_px: Distance from the epipolar line up to which a match counts as correct.
    Returns:
        F with unit norm, and which matches agree with it.
    Raises:
        InputError: If there are fewer than 8 matches or no geometry fits.
    """
    if len(matches) < 8:
        raise InputError(f"expected at least 8 matches for an epipolar geometry, got {len(matches)}; use other views")
    found, mask = cv2.findFundamentalMat(matches.left, matches.right, cv2.USAC_MAGSAC, threshold_px, 0.999, 2000)
    matrix = np.asarray(found, dtype=np.float64)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or not np.asarray(mask).any():
        raise InputError(f"expected one epipolar geometry behind {len(matches)} matches, found none; use other views")
    return matrix / np.linalg.norm(matrix), np.asarray(mask).ravel() > 0


def sampson_distances_px(matches: Matches, fundamental: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, " n"]:
    """First-order distance of each match from the epipolar geometry, in pixels over both views together.

    Args:
        matches: Pixels.
        fundamental: F of x_right^T F x_left = 0, at any scale.
    Returns:
        Pixels, >= 0. A pair with F of a rectified rig and vertical offset v has |v| / sqrt(2).
    Source: Hartley and Zisserman 2004, equation 11.9 (its square root).
    Example:
        >>> rectified = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
        >>> matches = Matches(np.array([[10.0, 5.0]]), np.array([[3.0, 7.0]]))
        >>> round(float(sampson_distances_px(matches, rectified)[0] ** 2), 6)
        2.0
    """
    ones = np.ones((len(matches), 1))
    left, right = np.hstack([matches.left, ones]), np.hstack([matches.right, ones])
    lines_right, lines_left = left @ fundamental.T, right @ fundamental
    algebraic = np.abs((right * lines_right).sum(axis=1))
    slope = np.sqrt((lines_right[:, :2] ** 2).sum(axis=1) + (lines_left[:, :2] ** 2).sum(axis=1))
    return algebraic / np.maximum(slope, np.finfo(np.float64).tiny)


def _shrunk(grey: Float32[np.ndarray, "h w"], scale: float) -> Float32[np.ndarray, "h2 w2"]:
    if scale == 1.0:
        return grey
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _features(
    view: UInt8[np.ndarray, "h w"], max_features: int
) -> tuple[Float64[np.ndarray, "n 2"], Float32[np.ndarray, "n 128"]]:
    """Places and unit-length square-rooted descriptors (RootSIFT, Arandjelovic and Zisserman 2012)."""
    if min(view.shape) < 16:
        return np.zeros((0, 2)), np.zeros((0, 128), dtype=np.float32)
    # Precise upscaling: without it, OpenCV's doubled first octave is off by a quarter of a pixel.
    detector = cv2.SIFT.create(nfeatures=max_features, enable_precise_upscale=True)
    keypoints, found = detector.detectAndCompute(view, None)
    if not keypoints:
        return np.zeros((0, 2)), np.zeros((0, 128), dtype=np.float32)
    descriptors = np.asarray(found, dtype=np.float32)
    descriptors = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9))
    return np.array([keypoint.pt for keypoint in keypoints], dtype=np.float64), descriptors


def _match_descriptors(
    left: tuple[Float64[np.ndarray, "n 2"], Float32[np.ndarray, "n 128"]],
    right: tuple[Float64[np.ndarray, "m 2"], Float32[np.ndarray, "m 128"]],
    max_ratio: float = 0.8,
) -> Matches:
    """Mutually best descriptors that are clearly better than the second best."""
    if len(left[0]) < 2 or len(right[0]) < 2:
        return Matches(np.zeros((0, 2)), np.zeros((0, 2)))
    similarity = left[1] @ right[1].T
    rows = np.arange(len(similarity))
    best = similarity.argmax(axis=1)
    mutual = similarity.argmax(axis=0)[best] == rows
    best_similarity = similarity[rows, best].copy()
    similarity[rows, best] = -1.0
    # For unit vectors the squared distance is 2 - 2 cos.
    distinct = 1.0 - best_similarity < max_ratio**2 * (1.0 - similarity.max(axis=1))
    keep = mutual & distinct
    return Matches(left[0][keep], right[0][best[keep]])


def _agree_with_neighbours(matches: Matches) -> Bool[np.ndarray, " n"]:
    """Matches that move like at least two of their nearest neighbours.

    Foreground and background may differ as they like: two companions on one's own surface suffice.
    """
    count = len(matches)
    if count <= _NEIGHBOURS:
        return np.ones(count, dtype=bool)
    place = matches.left.astype(np.float32)
    squared = (place**2).sum(axis=1)
    distance = squared[:, None] + squared[None, :] - 2.0 * place @ place.T
    nearest = np.argpartition(distance, _NEIGHBOURS, axis=1)[:, : _NEIGHBOURS + 1]
    motion = matches.right - matches.left
    gap = np.linalg.norm(motion[nearest] - motion[:, None], axis=2)
    reach = np.sqrt(np.maximum(np.take_along_axis(distance, nearest, axis=1), 0.0))
    # A slanted surface changes its motion with distance: 3 px plus a tenth of the way to the neighbour.
    agreeing = (gap < 3.0 + 0.1 * reach) & (nearest != np.arange(count)[:, None])
    return agreeing.sum(axis=1) >= 2


def _refined(
    left: Float32[np.ndarray, "h w"], right: Float32[np.ndarray, "h w"], coarse: Matches, uncertainty_px: float
) -> Matches:
    """Sharpens matches in the full image by Lucas-Kanade on small patches, and drops those that drift away."""
    half = _PATCH_PX // 2
    limit = np.array(left.shape[::-1]) - half - 1
    corners_left, corners_right = np.rint(coarse.left), np.rint(coarse.right)
    low, high = np.minimum(corners_left, corners_right), np.maximum(corners_left, corners_right)
    inside = np.asarray(((low >= half) & (high < limit)).all(axis=1))
    coarse, corners_left, corners_right = coarse[inside], corners_left[inside], corners_right[inside]
    if len(coarse) == 0:
        return coarse
    # One tall strip of patches per view: a single call, whatever the images' size.
    strips = [_strip(view, corners) for view, corners in ((left, corners_left), (right, corners_right))]
    shift = np.stack([np.full(len(coarse), half), np.arange(len(coarse)) * _PATCH_PX + half], axis=1)
    start, guess = coarse.left - corners_left + shift, coarse.right - corners_right + shift
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        strips[0],
        strips[1],
        start.astype(np.float32).reshape(-1, 1, 2),
        guess.astype(np.float32).reshape(-1, 1, 2),
        winSize=(21, 21),
        maxLevel=0,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    target = np.asarray(moved, dtype=np.float64).reshape(-1, 2)
    drift = np.asarray(np.linalg.norm(target - guess, axis=1))
    kept = (np.asarray(status).ravel() > 0) & (drift < 2.0 * uncertainty_px)
    return Matches(coarse.left, target - shift + corners_right)[kept]


def _strip(view: Float32[np.ndarray, "h w"], centers: Float64[np.ndarray, "n 2"]) -> UInt8[np.ndarray, "h2 w2"]:
    half = _PATCH_PX // 2
    patches = [view[int(y) - half : int(y) + half, int(x) - half : int(x) + half] for x, y in centers]
    return np.concatenate([stretch_contrast(patch) for patch in patches])
