"""The simulated flights behind gymnasium's interface, so that policies can be learned on them: leadline[robot]."""

from dataclasses import replace
from typing import Any, Final, cast

import numpy as np
from jaxtyping import Float, Float32

from leadline.errors import InputError, MissingExtraError
from leadline.robotics.simulation.bodies import World
from leadline.robotics.simulation.flights import Fleet, FlightRules
from leadline.robotics.simulation.worlds import make_world

try:
    import gymnasium
    from gymnasium import spaces
except ModuleNotFoundError as error:  # pragma: no cover - CI has it
    if error.name != "gymnasium":
        raise
    raise MissingExtraError(
        'expected the package gymnasium for the environment, found none; install it with pip install "leadline[robot]"'
    ) from error

_REACH_M: Final = 5.0
_GOAL_REWARD: Final = 10.0
_STEP_REWARD: Final = -0.01
_WORLDS: Final = 1_000_000

Observation = dict[str, Float32[np.ndarray, " n"]]


class FlightEnvironment(gymnasium.Env[Observation, np.ndarray]):
    """One robot in one world an episode; each reset takes another world.

    An observation has `range` (distance along each ray of the sensor, 1 is 5 m or more, or nothing), `hit` (1 where
    something was measured) and `motion`: speed ahead and to the left over the fastest, turn since the frame before over
    0.2 rad, cosine and sine of the direction of the goal, its distance over 10 m. It is what `AvoidPolicy` gets, with
    the same noise, rate and latency; where the robot is, it is not told.

    An action is speed ahead, speed to the left and turn to the left, each from -1 to 1 of the fastest. The reward is
    the way towards the goal in metres, 10 at the goal, -10 for a collision, and -0.01 a frame. An episode is terminated
    by a collision or at the goal, and truncated when its time is over; then the last observation is repeated.

    Args:
        rules: Sensor, robot and time; their policy plays no part.
        world: The world of all episodes; a new one for each if absent.
    Example:
        >>> env = FlightEnvironment(FlightRules("tof"))
        >>> observation, info = env.reset(seed=3)
        >>> observation["range"].shape, observation["motion"].shape
        ((64,), (6,))
        >>> observation, reward, terminated, truncated, info = env.step(np.array([1.0, 0.0, 0.0], np.float32))
        >>> terminated, truncated
        (False, False)
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - gymnasium's

    def __init__(self, rules: FlightRules | None = None, world: World | None = None) -> None:
        self.rules = rules or FlightRules()
        self._world = world
        self._fleet: Fleet | None = None
        sight, _ = Fleet.start([world or make_world(0, 0)], [0], self.rules).observe()
        rays = sight.range_m.shape[1]
        self.observation_space = cast(
            "Any",
            spaces.Dict(
                {
                    "range": spaces.Box(0.0, 1.0, (rays,), np.float32),
                    "hit": spaces.Box(0.0, 1.0, (rays,), np.float32),
                    "motion": spaces.Box(-10.0, 10.0, (6,), np.float32),
                }
            ),
        )
        self.action_space = cast("Any", spaces.Box(-1.0, 1.0, (3,), np.float32))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode.

        Args:
            seed: Of the worlds from here on.
            options: None are known.
        Raises:
            InputError: If there are options.
        """
        super().reset(seed=seed)
        if options:
            raise InputError(f"expected no options, got {', '.join(options)}; leave them out")
        number = int(self.np_random.integers(_WORLDS))
        rules = replace(self.rules, seed=int(self.np_random.integers(_WORLDS)))
        world = self._world or make_world(rules.seed, number)
        self._fleet = Fleet.start([world], [number], rules)
        self._observation = self._look(self._fleet)
        return self._observation, {"family": world.family, "world": number, "seed": rules.seed}

    def step(self, action: Float[np.ndarray, " 3"]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Moves the robot by one frame.

        Args:
            action: Three numbers from -1 to 1; others are cut.
        Raises:
            InputError: If the episode has not begun or is over, or the action is no three finite numbers.
        """
        fleet = self._fleet
        if fleet is None or not fleet.flying[0]:
            raise InputError("expected a running episode, got none; call reset first")
        wanted = np.asarray(action, np.float64)
        if wanted.shape != (3,) or not np.isfinite(wanted).all():
            raise InputError(f"expected an action of three finite numbers, got {action}")
        limits = self.rules.limits
        fastest = np.array([limits.speed_m_s, limits.speed_m_s, limits.turn_rad_s])
        before = self._distance_m(fleet)
        fleet.advance((np.clip(wanted, -1.0, 1.0) * fastest)[None])
        collided, reached = bool(fleet.collided[0]), bool(fleet.reached[0])
        reward = before - self._distance_m(fleet) + _STEP_REWARD + _GOAL_REWARD * (reached - collided)
        truncated = not (bool(fleet.flying[0]) or collided or reached)
        if fleet.flying[0]:
            self._observation = self._look(fleet)
        flight = fleet.flights()[0]
        info = {"outcome": None if fleet.flying[0] else flight.outcome, "nearest_m": flight.nearest_m}
        return self._observation, float(reward), collided or reached, truncated, info

    def _distance_m(self, fleet: Fleet) -> float:
        return float(np.linalg.norm(np.array(fleet.worlds[0].goal_m) - fleet.state.place_m[0, :2]))

    def _look(self, fleet: Fleet) -> Observation:
        sight, motion = fleet.observe()
        limits = self.rules.limits
        hit = sight.hit[0]
        range_m = np.where(hit, np.minimum(sight.range_m[0] / _REACH_M, 1.0), 1.0)
        own = [
            motion.ahead_m_s[0] / limits.speed_m_s,
            motion.left_m_s[0] / limits.speed_m_s,
            motion.turn_rad[0] / 0.2,
            np.cos(motion.goal_rad[0]),
            np.sin(motion.goal_rad[0]),
            motion.goal_m[0] / 10.0,
        ]
        return {
            "range": range_m.astype(np.float32),
            "hit": hit.astype(np.float32),
            "motion": np.clip(np.array(own), -10.0, 10.0).astype(np.float32),
        }
