"""Is this pair fit for stereo matching: rectified, in order, two images and not one, alike in brightness."""

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float32, Float64

from leadline.geometry.epipolar import Matches, match_grey
from leadline.geometry.image import Image, brightness, check_same_size

# A pair is fine while matching loses little by its faults. Measured with OpenCV's SGBM-3WAY on Middlebury Motorcycle
# (741x500, bad-2.0 without fault 22.6 %): a vertical offset of 0.5 px costs 0.4 points, 0.75 px 1.4, 1 px 3.6, 2 px 20;
# a right image darker by 0.5 stops costs 1.9 points, by 1 stop 5.6; brighter, where it clips, more.
MAX_MEDIAN_OFFSET_PX = 0.75
# What the fitted roll does at the left and right border, and the fitted scale at the top and bottom. It finds what the
# median hides: a roll of 0.2 degrees moves the sides of a 741 px wide image by 1.3 px, half of its pixels by < 0.65.
# Rectified KITTI frames reach 0.75 px here.
MAX_BORDER_OFFSET_PX = 1.0
# Good pairs reach 1.9 px here, by badly located features alone; more means a lens or a scene that moved.
MAX_P95_OFFSET_PX = 3.0
MAX_EXPOSURE_GAP_STOPS = 0.5
# Below the horizon by more than a feature's uncertainty counts as negative; a few mismatches are forgiven.
_NEGATIVE_PX = -0.5
MAX_NEGATIVE_SHARE = 0.05
_SWAPPED_SHARE = 0.9
# Rank correlation of disparity with the row. The ground is near at the bottom: of the real pairs in the right order
# that were tried, all but one reach +0.4 or more (a statue before a wall: 0.0), and swapping turns the sign. It tells
# swapped views from cameras that are turned inwards.
GROUND_CORRELATION = 0.3
# Fewer trustworthy matches than this come about by chance between two images that have nothing in common.
MIN_MATCHES = 20
_MAX_FEATURES = 800
_MAX_SIDE_PX = 512
_BOX_PX = 15


@dataclass(frozen=True)
class PairCheck:
    """Measurements of a pair by its matched features. `dataclasses.asdict` of it goes into JSON as it is.

    Args:
        status: fine, not_fine, or cannot_tell.
        verdict: One line that says what is the matter.
        mend: One line that says what to do about it; empty where nothing needs mending.
        matches: Number of trustworthy feature matches; with too few, all measurements are None.
        rectified: Whether corresponding points lie on the same row, closely enough for matching.
        swapped: Whether left and right have changed places.
        same_image: Whether there is no parallax at all.
        only_turned: Whether a camera that turned and did not move explains the matches.
        median_abs_offset_px: Median of |y_right - y_left|.
        p95_abs_offset_px: 95th percentile of it.
        median_offset_px: Median of y_right - y_left, positive where the right image's content lies lower.
        rotation_deg: Roll of the right image's content against the left's, clockwise positive.
        vertical_scale: Height of the right image's content over the left's.
        negative_share: Share of matches with a disparity more than 0.5 px below the smallest expected, which is 0
            unless the calibration says otherwise.
        min_disparity_px: 2nd percentile of the disparities.
        max_disparity_px: 98th percentile of the disparities.
        exposure_gap_stops: log2 of the right image's brightness over the left's at matched places, as pixel
            values stand; None where nearly all is clipped.
    """

    status: Literal["fine", "not_fine", "cannot_tell"]
    verdict: str
    mend: str
    matches: int
    rectified: bool | None = None
    swapped: bool | None = None
    same_image: bool | None = None
    only_turned: bool | None = None
    median_abs_offset_px: float | None = None
    p95_abs_offset_px: float | None = None
    median_offset_px: float | None = None
    rotation_deg: float | None = None
    vertical_scale: float | None = None
    negative_share: float | None = None
    min_disparity_px: float | None = None
    max_disparity_px: float | None = None
    exposure_gap_stops: float | None = None

    @property
    def fine(self) -> bool:
        """Whether matching may go ahead without a word."""
        return self.status == "fine"


def check_pair(left: Image, right: Image, smallest_px: float = 0.0) -> PairCheck:
    """Checks a pair by matched features; about a quarter of a second at any size.

    Args:
        left: Left view, grey or RGB.
        right: Right view of the same size.
        smallest_px: The disparity of what is infinitely far away, if the calibration says: -doffs. Disparities down to
            it are as they should be.
    Returns:
        Measurements in pixels of the given images, verdict and mend.
    Raises:
        InputError: If the sizes differ or an image is neither grey nor RGB.
    Example:
        >>> left = np.random.default_rng(0).integers(0, 256, (240, 320), np.uint8)
        >>> check = check_pair(left, np.roll(left, -7, axis=1))
        >>> check.rectified, round(check.max_disparity_px)
        (True, 7)
    """
    check_same_size(left, right)
    greys = brightness(left), brightness(right)
    for grey, name in zip(greys, ("left", "right"), strict=True):
        if float(np.ptp(grey)) < 1.5 / 255.0:
            return _cannot_tell(0, f"the {name} image is one flat colour", "take the image again")
    matches = match_grey(*greys, _MAX_FEATURES, _MAX_SIDE_PX)
    if np.array_equal(left, right):
        return PairCheck("not_fine", *_SAME, len(matches), same_image=True)
    if len(matches) < MIN_MATCHES:
        return _cannot_tell(
            len(matches),
            f"only {len(matches)} features match, {MIN_MATCHES} are needed",
            "use sharp images with texture that show the same scene",
        )
    turned = only_turned(matches, greys[0].shape)
    found = _judged(_measured(matches, *greys, smallest_px), matches, greys[0].shape)
    if turned:
        verdict, mend = _TURNED
        return replace(
            found, status="not_fine", verdict=verdict, mend=mend, rectified=False, swapped=False, same_image=False,
            only_turned=True,
        )  # fmt: skip
    return found


_SAME = (
    "no parallax: one image twice, or everything too far away",
    "give the two views of a stereo camera, of a scene within its reach",
)


_TURNED = (
    "the camera only turned between the images: no parallax, and so no depth",
    "take the second image from another place, moved sideways",
)
_TURNED_SHARE = 0.9
_TURNED_RESIDUAL_PX = 1.0
_TURNED_SKEW = 0.02
# Share of the turn, in radians, that the skew may be: rotations reach 0.04; planes and scenes before two cameras have
# more than 0.15, and few matches that one homography fits.
_TURNED_SKEW_SHARE = 0.1
_LEAST_TURN_RAD = 0.01


def only_turned(matches: Matches, size: tuple[int, ...]) -> bool:
    """Whether a camera that turned about its centre explains the matches: a homography K R K^-1 fits nearly all.

    A plane before a camera that moved gives a homography too, but none that a focal length makes a rotation.
    """
    center = np.array([size[1] - 1.0, size[0] - 1.0]) / 2.0
    first, second = matches.left - center, matches.right - center
    limit = _TURNED_RESIDUAL_PX * max(1.0, max(size) / _MAX_SIDE_PX)
    found, kept = cv2.findHomography(first, second, cv2.RANSAC, limit)
    if found is None or np.mean(np.asarray(kept)) < _TURNED_SHARE:  # pyright: ignore[reportUnnecessaryComparison]
        return False
    homography = np.asarray(found, dtype=np.float64)
    determinant = float(np.linalg.det(homography))
    if determinant <= 0:
        return False
    homography /= np.cbrt(determinant)
    for focal in np.geomspace(0.4, 4.0, 47) * max(size[:2]):
        turn = np.diag([1.0 / focal, 1.0 / focal, 1.0]) @ homography @ np.diag([focal, focal, 1.0])
        skew = float(np.abs(turn @ turn.T - np.eye(3)).max())
        angle_rad = float(np.arccos(np.clip((np.trace(turn) - 1.0) / 2.0, -1.0, 1.0)))
        if angle_rad > _LEAST_TURN_RAD and skew < min(_TURNED_SKEW, _TURNED_SKEW_SHARE * angle_rad):
            return True
    return False


def ground_correlation(matches: Matches) -> float:
    """Rank correlation of disparity with the row: positive where the bottom of the image is nearer, -1 to 1."""
    ranks = [np.argsort(np.argsort(values)) for values in (matches.disparities_px, matches.left[:, 1])]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _cannot_tell(matches: int, reason: str, mend: str) -> PairCheck:
    return PairCheck("cannot_tell", f"cannot tell: {reason}", mend, matches)


def _measured(
    matches: Matches, left: Float32[np.ndarray, "h w"], right: Float32[np.ndarray, "h w"], smallest_px: float
) -> PairCheck:
    """Everything but the judgement."""
    offsets, disparities = matches.vertical_offsets_px, matches.disparities_px
    _, slope_x, slope_y = fitted_offsets(matches, np.array(left.shape[::-1]) / 2.0)
    low, high = np.percentile(disparities, [2.0, 98.0])
    return PairCheck(
        "fine",
        "",
        "",
        len(matches),
        median_abs_offset_px=float(np.median(np.abs(offsets))),
        p95_abs_offset_px=float(np.percentile(np.abs(offsets), 95.0)),
        median_offset_px=float(np.median(offsets)),
        rotation_deg=float(np.rad2deg(np.arctan(slope_x))),
        vertical_scale=1.0 + slope_y,
        negative_share=float(np.mean(disparities < _NEGATIVE_PX + min(smallest_px, 0.0))),
        min_disparity_px=float(low),
        max_disparity_px=float(high),
        exposure_gap_stops=_exposure_gap_stops(matches, left, right),
    )


def fitted_offsets(matches: Matches, center: Float64[np.ndarray, "2"]) -> tuple[float, float, float]:
    """Vertical offset as a linear function of place, by iteratively reweighted least squares (Tukey's weights).

    Args:
        matches: At least three.
        center: (x, y) from which places are counted.
    Returns:
        Its value there, px, its slope along x (tangent of the roll), and along y (scale minus 1).
    """
    # Halfway between the views: a roll of either of them then gives the same slope.
    place = (matches.left + matches.right) / 2.0 - center
    design = np.column_stack([np.ones(len(matches)), place])
    offsets = matches.vertical_offsets_px
    fitted = np.full(len(matches), np.median(offsets))
    solution = np.zeros(3)
    for _ in range(10):
        residuals = offsets - fitted
        scale = max(1.4826 * float(np.median(np.abs(residuals))), 0.05)
        weights = np.maximum(1.0 - (residuals / (4.685 * scale)) ** 2, 0.0)
        solution = np.linalg.lstsq(design * weights[:, None], offsets * weights, rcond=None)[0]
        fitted = design @ solution
    return float(solution[0]), float(solution[1]), float(solution[2])


def _exposure_gap_stops(
    matches: Matches, left: Float32[np.ndarray, "h w"], right: Float32[np.ndarray, "h w"]
) -> float | None:
    """Median log2 ratio of mean brightness around matches, leaving out clipped and black neighbourhoods."""
    scale = min(1.0, _MAX_SIDE_PX / max(left.shape))
    size = (max(1, round(left.shape[1] * scale)), max(1, round(left.shape[0] * scale)))
    usable, means = np.ones(len(matches), dtype=bool), list[Float32[np.ndarray, " n"]]()
    for view, points in ((left, matches.left), (right, matches.right)):
        small = np.asarray(cv2.resize(view, size, interpolation=cv2.INTER_AREA))
        columns, rows = np.clip(np.rint(points * scale).astype(int), 0, np.array(size) - 1).T
        mean = np.asarray(cv2.blur(small, (_BOX_PX, _BOX_PX)), dtype=np.float32)[rows, columns]
        largest = np.asarray(cv2.dilate(small, np.ones((_BOX_PX, _BOX_PX), dtype=np.uint8)))[rows, columns]
        usable &= (mean > 0.01) & (largest < 0.98)
        means.append(mean)
    if usable.sum() < MIN_MATCHES // 2:
        return None
    return float(np.median(np.log2(means[1][usable] / means[0][usable])))


def _judged(check: PairCheck, matches: Matches, size: tuple[int, ...]) -> PairCheck:
    """Adds flags, verdict and mend to the measurements."""
    disparities, negative = matches.disparities_px, check.negative_share or 0.0
    offset, p95 = check.median_abs_offset_px or 0.0, check.p95_abs_offset_px or 0.0
    if offset < 0.5 and float(np.median(np.abs(disparities))) < 0.25 and np.percentile(np.abs(disparities), 90.0) < 0.5:
        verdict, mend = _SAME
        return replace(check, status="not_fine", verdict=verdict, mend=mend, same_image=True)
    roll_px = abs(np.tan(np.deg2rad(check.rotation_deg or 0.0))) * size[1] / 2.0
    scale_px = abs((check.vertical_scale or 1.0) - 1.0) * size[0] / 2.0
    rectified = bool(
        offset <= MAX_MEDIAN_OFFSET_PX and p95 <= MAX_P95_OFFSET_PX and max(roll_px, scale_px) <= MAX_BORDER_OFFSET_PX
    )
    ground = ground_correlation(matches)
    swapped = (negative > _SWAPPED_SHARE and ground < GROUND_CORRELATION) or (
        negative > MAX_NEGATIVE_SHARE and ground < -GROUND_CORRELATION
    )
    faults = _faults(check, rectified, swapped)
    if not faults:
        verdict = f"rectified, views in order: median vertical offset {offset:.2f} px over {len(matches)} matches"
        return replace(check, verdict=verdict, rectified=True, swapped=False, same_image=False)
    return replace(
        check,
        status="not_fine",
        verdict="; ".join(fault for fault, _ in faults),
        mend="; then ".join(mend for _, mend in faults if mend),
        rectified=rectified,
        swapped=swapped,
        same_image=False,
    )


def _faults(check: PairCheck, rectified: bool, swapped: bool) -> list[tuple[str, str]]:
    """Faults and their mends, in the order in which they should be mended."""
    faults: list[tuple[str, str]] = []
    negative, lowest = check.negative_share or 0.0, check.min_disparity_px or 0.0
    if swapped:
        faults.append(
            (f"the views seem swapped ({negative:.0%} of the disparities are negative)", "exchange LEFT and RIGHT")
        )
    if not rectified:
        faults.append(
            (
                f"not rectified: vertical offset median {check.median_abs_offset_px:.2f} px, "
                f"95th percentile {check.p95_abs_offset_px:.2f} px, rotation {check.rotation_deg:.2f} degrees",
                "rectify them with the calibration, or without one",
            )
        )
    if negative > MAX_NEGATIVE_SHARE and not swapped:
        faults.append(
            (
                f"{negative:.0%} of the disparities are negative, down to {lowest:.1f} px: the cameras are turned "
                "inwards or the images were shifted",
                # Rectification shifts, too.
                f"shift the right image left by {int(np.ceil(-lowest)) + 1} px, or rectify them" if rectified else "",
            )
        )
    gap = check.exposure_gap_stops
    if gap is not None and abs(gap) > MAX_EXPOSURE_GAP_STOPS:
        brighter = "brighter" if gap > 0 else "darker"
        faults.append(
            (
                f"the right image is {abs(gap):.1f} stops {brighter} than the left",
                "expose both cameras alike, or scale one image's brightness",
            )
        )
    return faults
