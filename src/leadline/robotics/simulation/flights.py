"""Flights in the closed loop: sensor, latency, policy, robot and world, many at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64

from leadline.errors import InputError
from leadline.robotics.avoidance import AvoidPolicy, Commands, Motion, StraightPolicy
from leadline.robotics.limits import RobotLimits
from leadline.robotics.sight import Sight
from leadline.robotics.simulation.bodies import Bodies, World
from leadline.robotics.simulation.eyes import Eye, FusedEye, PerfectEye, StereoEye, TofEye
from leadline.robotics.simulation.learned_eye import ImageDepth, LearnedEye
from leadline.robotics.simulation.robots import Quadrotor, RobotState

Outcome = Literal["reached", "collided", "out of time"]

_STEPS: Final = 8
"""Steps of the robot for each frame."""
_GUST_S: Final = 1.0
_SPEED_ERROR: Final = 0.03
_YAW_DRIFT_RAD_S: Final = float(np.radians(0.2))
_GOAL_M: Final = 1.0


@runtime_checkable
class Policy(Protocol):
    """What turns sights into commands."""

    def step(self, sight: Sight, motion: Motion) -> Commands:
        """Commands of b robots."""
        ...


@dataclass(frozen=True)
class FlightRules:
    """What all flights of a comparison share.

    Args:
        sensor: tof, fused, network, stereo or oracle.
        policy: straight or avoid.
        limits: Of the robots.
        robot: How they move.
        rate_hz: Frames a second.
        latency_s: From light on the sensor until the command is taken.
        longest_s: After which a flight ends.
        seed: Of wind and noise.
        camera_hz: Images a second of the camera of fused and network; as many as zones if it is higher.
    Raises:
        InputError: If a rate or time is not above 0, or there is no such sensor or policy.
    """

    sensor: str = "tof"
    policy: str = "avoid"
    limits: RobotLimits = field(default_factory=RobotLimits)
    robot: Quadrotor = field(default_factory=Quadrotor)
    rate_hz: float = 15.0
    latency_s: float = 0.08
    longest_s: float = 30.0
    seed: int = 0
    camera_hz: float = 15.0

    def __post_init__(self) -> None:
        """Refuses rules that cannot be followed."""
        if min(self.rate_hz, self.longest_s, self.camera_hz) <= 0.0 or self.latency_s < 0.0:
            raise InputError(
                f"expected a rate and a longest time above 0 and a latency of 0 or more, got {self.rate_hz}, "
                f"{self.longest_s} and {self.latency_s}, and {self.camera_hz} images a second"
            )
        if self.sensor not in EYES or self.policy not in ("straight", "avoid"):
            raise InputError(
                f"expected a sensor out of {', '.join(EYES)} and a policy out of straight, avoid, got {self.sensor!r} "
                f"and {self.policy!r}"
            )


@dataclass(frozen=True)
class Flight:
    """How one flight went.

    Args:
        world: Number of the world.
        family: Its kind.
        outcome: reached, collided or out of time.
        time_s: Until then.
        path_m: Length of the way.
        speed_m_s: Mean speed.
        nearest_m: Least distance of the body from anything; negative in a collision.
        blind_share: Share of the frames in which nothing was seen.
        track: x, y, yaw at each frame.
    """

    world: int
    family: str
    outcome: Outcome
    time_s: float
    path_m: float
    speed_m_s: float
    nearest_m: float
    blind_share: float
    track: Float64[np.ndarray, "t 3"] = field(repr=False, compare=False)


def fly(
    worlds: Sequence[World],
    numbers: Sequence[int],
    rules: FlightRules,
    watch: Callable[["Fleet", Sight, Commands], None] | None = None,
    depth: ImageDepth | None = None,
) -> list[Flight]:
    """Flies through each of the worlds once. A flight does not depend on which others are flown with it.

    Args:
        worlds: One for each flight.
        numbers: Of the worlds; with the seed they determine wind and noise.
        rules: Sensor, policy and robot.
        watch: Called after each frame with what the robots that still fly see and do.
        depth: Cameras and network, for the sensor network.
    """
    fleet = Fleet.start(worlds, numbers, rules, depth)
    policy = make_policy(rules, len(worlds))
    while fleet.flying.any():
        sight, motion = fleet.observe()
        commands = policy.step(sight, motion)
        if watch is not None:
            watch(fleet, sight, commands)
        fleet.advance(np.stack([commands.ahead_m_s, commands.left_m_s, commands.turn_rad_s], axis=1))
    return fleet.flights()


def make_policy(rules: FlightRules, robots: int) -> Policy:
    """The policy that the rules name.

    Args:
        rules: Of the flights.
        robots: How many.
    """
    if rules.policy == "straight":
        return StraightPolicy(robots, rules.limits)
    return AvoidPolicy(robots, rules.limits)


@dataclass
class Fleet:
    """Robots in their worlds, from frame to frame. Robots whose flight ended stay where they are.

    `observe` gives what a policy may know, `advance` moves all by one frame.
    """

    worlds: Sequence[World]
    numbers: Sequence[int]
    rules: FlightRules
    bodies: Bodies
    eye: Eye
    state: RobotState
    chances: list[np.random.Generator]
    flying: Bool[np.ndarray, " b"]
    collided: Bool[np.ndarray, " b"]
    reached: Bool[np.ndarray, " b"]
    time_s: float = 0.0

    @classmethod
    def start(
        cls, worlds: Sequence[World], numbers: Sequence[int], rules: FlightRules, depth: ImageDepth | None = None
    ) -> "Fleet":
        """Robots at the starts of their worlds, at rest.

        Args:
            worlds: One for each robot, at least one.
            numbers: Of the worlds.
            rules: Sensor, policy and robot.
            depth: Cameras and network, for the sensor network.
        Raises:
            InputError: If there is no world, another number of numbers, or no network for its sensor.
        """
        if not worlds or len(worlds) != len(numbers):
            raise InputError(f"expected as many numbers as worlds, and one at least, got {len(numbers)}, {len(worlds)}")
        places = np.array([(0.0, 0.0, world.altitude_m) for world in worlds])
        robots = len(worlds)
        flags = [np.zeros(robots, bool) for _ in range(2)]
        chances = [np.random.default_rng([rules.seed, number, 1]) for number in numbers]
        eye = _eye(worlds, rules, depth)
        state = RobotState.at_rest(places)
        flying = np.ones(robots, bool)
        return cls(worlds, numbers, rules, Bodies.of(list(worlds)), eye, state, chances, flying, flags[0], flags[1])

    def __post_init__(self) -> None:
        """Starts the clocks and the records."""
        robots = len(self.worlds)
        self._goal = np.array([world.goal_m for world in self.worlds])
        self._wind = np.array([world.wind_m_s for world in self.worlds])
        self._gust = np.array([world.gust_m_s for world in self.worlds])
        self._gusts = np.zeros((robots, 2))
        self._scale = 1.0 + _SPEED_ERROR * np.array([rng.normal() for rng in self.chances])
        self._drift = _YAW_DRIFT_RAD_S * np.array([rng.normal() for rng in self.chances])
        self._commands: list[tuple[int, np.ndarray]] = [(0, np.zeros((robots, 3)))]
        self._step, self._frames = 0, np.zeros(robots, int)
        self._believed, self._turned = np.zeros((robots, 3)), np.zeros(robots)
        self._yaw_before = self.state.yaw_rad.copy()
        self._way, self._until = np.zeros(robots), np.zeros(robots)
        self._nearest, self._blind = np.full(robots, np.inf), np.zeros(robots, int)
        self._tracks: list[np.ndarray] = []

    @property
    def passed_s(self) -> float:
        """Time between frames."""
        return 1.0 / self.rules.rate_hz

    def observe(self) -> tuple[Sight, Motion]:
        """What the robots see and believe now. Robots whose flight ended see nothing."""
        on = np.flatnonzero(self.flying)
        chances = [self.chances[i] for i in on]
        seen = self.eye.look(self.bodies.only(on).at(self.time_s), self.state.only(on), chances, on)
        sight = _spread(seen, on, len(self.worlds))
        self._blind[on] += seen.blind
        ahead, left = self.state.velocity_level_m_s
        ahead, left = ahead * self._scale, left * self._scale
        turn = self.state.yaw_rad - self._yaw_before
        turn = np.where(self._frames > 0, turn + self._drift * self.passed_s, 0.0)
        self._yaw_before = self.state.yaw_rad.copy()
        self._frames[on] += 1
        self._tracks.append(np.column_stack([self.state.place_m[:, :2], self.state.yaw_rad]))
        self._believe(ahead, left, turn)
        to_goal = self._goal - self._believed[:, :2]
        bearing = np.arctan2(to_goal[:, 1], to_goal[:, 0]) - self._believed[:, 2]
        bearing = (bearing + np.pi) % (2.0 * np.pi) - np.pi
        return sight, Motion(ahead, left, turn, self.passed_s, bearing, np.hypot(to_goal[:, 0], to_goal[:, 1]))

    def _believe(self, ahead: np.ndarray, left: np.ndarray, turn: np.ndarray) -> None:
        """Where the robots believe to be, from their own speed and turn alone."""
        if self._step == 0:
            return
        self._believed[:, 2] += turn
        sine, cosine = np.sin(self._believed[:, 2]), np.cos(self._believed[:, 2])
        self._believed[:, 0] += (ahead * cosine - left * sine) * self.passed_s
        self._believed[:, 1] += (ahead * sine + left * cosine) * self.passed_s

    def advance(self, commands: Float64[np.ndarray, "b 3"]) -> None:
        """Moves the robots by one frame; the commands take effect after the latency.

        Args:
            commands: Speed ahead, speed to the left, turn to the left.
        """
        passed = self.passed_s / _STEPS
        delay = round(self.rules.latency_s / passed)
        self._commands.append((self._step + delay, np.where(self.flying[:, None], commands, 0.0)))
        draws = np.stack([rng.normal(size=2) for rng in self.chances])
        keep = np.exp(-self.passed_s / _GUST_S)
        self._gusts = keep * self._gusts + np.sqrt(1.0 - keep * keep) * self._gust[:, None] * draws
        for _ in range(_STEPS):
            while len(self._commands) > 1 and self._commands[1][0] <= self._step:
                self._commands.pop(0)
            before = self.state.place_m[:, :2].copy()
            still = ~self.flying
            kept = self.state.only(still)
            self.rules.robot.step(self.state, self._commands[0][1], self._wind + self._gusts, passed)
            for name in RobotState.__dataclass_fields__:
                getattr(self.state, name)[still] = getattr(kept, name)
            self._step += 1
            self.time_s = self._step * passed
            self._way += np.linalg.norm(self.state.place_m[:, :2] - before, axis=1)
            self._judge()

    def _judge(self) -> None:
        """Ends the flights of robots that touch something, arrive, or take too long."""
        on = np.flatnonzero(self.flying)
        if not len(on):
            return
        places = self.state.place_m[on]
        gap = self.bodies.only(on).at(self.time_s).distance_m(places[:, None])[:, 0] - self.rules.limits.radius_m
        self._nearest[on] = np.minimum(self._nearest[on], gap)
        self._until[on] = self.time_s
        self.collided[on] = gap <= 0.0
        near = np.linalg.norm(places[:, :2] - self._goal[on], axis=1) < _GOAL_M
        self.reached[on] = near & ~self.collided[on]
        self.flying[on] = ~(self.collided[on] | self.reached[on]) & (self.time_s < self.rules.longest_s)

    def track(self, robot: int) -> Float64[np.ndarray, "t 3"]:
        """x, y, yaw of one robot at each of its frames.

        Args:
            robot: Its number.
        """
        return np.array([each[robot] for each in self._tracks[: int(self._frames[robot])]]).reshape(-1, 3)

    def flights(self) -> list[Flight]:
        """How the flights went, or go so far."""
        found: list[Flight] = []
        for i, world in enumerate(self.worlds):
            time, frames = float(self._until[i]), int(self._frames[i])
            outcome: Outcome = "collided" if self.collided[i] else "reached" if self.reached[i] else "out of time"
            speed = float(self._way[i]) / max(time, 1e-9)
            blind = int(self._blind[i]) / max(frames, 1)
            found.append(
                Flight(
                    self.numbers[i], world.family, outcome, time, float(self._way[i]), speed, float(self._nearest[i]),
                    blind, self.track(i),
                )
            )  # fmt: skip
        return found


def _spread(seen: Sight, on: np.ndarray, robots: int) -> Sight:
    """The sights of some robots as those of all: the others see nothing."""
    if len(on) == robots:
        return seen
    rays = np.zeros((robots, *seen.rays.shape[1:]))
    rays[..., 0] = 1.0
    rays[on] = seen.rays
    layers = [np.zeros((robots, seen.hit.shape[1]), layer.dtype) for layer in (seen.range_m, seen.hit, seen.free_m)]
    for layer, known in zip(layers, (seen.range_m, seen.hit, seen.free_m), strict=True):
        layer[on] = known
    return Sight(rays, *layers)


def _ambient(worlds: Sequence[World]) -> Float64[np.ndarray, " b"]:
    return np.array([world.ambient for world in worlds])


def _every(rules: FlightRules) -> int:
    """Frames of the zones for each image."""
    return max(1, round(rules.rate_hz / rules.camera_hz))


def _learned_eye(worlds: Sequence[World], rules: FlightRules, depth: ImageDepth | None) -> LearnedEye:
    if depth is None:
        raise InputError("expected cameras and a network for the sensor network, got none; give depth")
    return LearnedEye(TofEye(_ambient(worlds)), depth, _every(rules))


def _eye(worlds: Sequence[World], rules: FlightRules, depth: ImageDepth | None) -> Eye:
    """The sensor that the rules name."""
    if rules.sensor == "network":
        return _learned_eye(worlds, rules, depth)
    if rules.sensor == "fused":
        return FusedEye(TofEye(_ambient(worlds)), every=_every(rules))
    return EYES[rules.sensor](worlds)


EYES: Final[dict[str, Callable[[Sequence[World]], Eye]]] = {
    "tof": lambda worlds: TofEye(_ambient(worlds)),
    "fused": lambda worlds: FusedEye(TofEye(_ambient(worlds))),
    "network": lambda worlds: _learned_eye(worlds, FlightRules(), None),
    "stereo": lambda worlds: StereoEye(),
    "oracle": lambda worlds: PerfectEye(),
}
"""Sensor -> what makes it for worlds; network needs cameras, see `Fleet.start`."""
