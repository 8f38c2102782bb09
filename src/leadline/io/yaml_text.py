"""YAML of recipes, plans and cards: plain values, read in bounded time and memory."""

import re
from itertools import accumulate
from typing import Any, final

import yaml

from leadline.errors import InputError

MOST_BYTES = 1 << 20
_DEEPEST = 100
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


@final
class _PlainLoader(yaml.SafeLoader):
    """Text, numbers, truth values, lists and mappings; no aliases, no dates, no key twice.

    A few hundred bytes of aliases of aliases stand for more values than any memory holds. A date is text here: recipes
    have none, and 2001-99-99 is none.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - yaml's nodes
        """Refuses aliases."""
        events: Any = self
        if events.check_event(yaml.AliasEvent):
            mark = events.peek_event().start_mark
            raise yaml.MarkedYAMLError("", None, "an alias (*name), which is not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: ANN401 - yaml's nodes
        """Refuses a key that stands there twice."""
        seen: set[str] = set()
        for key, _ in getattr(node, "value", ()):
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError("", None, f"the key {key.value[:40]} twice", key.start_mark)
            seen.add(str(getattr(key, "value", "")))
        return super().construct_mapping(node, deep)


def require_shallow(content: bytes | str) -> None:
    """Refuses a text with more than 100 brackets open at once, for each of which YAML looks at all the others.

    Raises:
        RecursionError: If it has.

    Example:
        >>> require_shallow("[[1], {a: [2]}]")
    """
    text = content.decode("latin-1") if isinstance(content, bytes) else content
    steps = (1 if found[0] in "[{" else -1 for found in re.finditer(r"[][{}]", text))
    if any(depth > _DEEPEST for depth in accumulate(steps)):
        raise RecursionError


def parse_yaml(content: bytes | str, expected: str, where: str) -> Any:  # noqa: ANN401 - whatever it holds
    """The value of a YAML text.

    Args:
        content: The text; bytes are UTF-8.
        expected: What it should be, for the message: "a recipe".
        where: Where it comes from, for the message.
    Raises:
        InputError: If it is not YAML, has an alias or a key twice, or is larger than 1 MiB.

    Example:
        >>> parse_yaml("{steps: 100, model: plain}", "a recipe", "small.yaml")
        {'steps': 100, 'model': 'plain'}
    """
    if len(content) > MOST_BYTES:
        raise InputError(f"expected {expected} of at most {MOST_BYTES} bytes, got {len(content)} in {where}")
    try:
        require_shallow(content)
        return yaml.load(content, Loader=_PlainLoader)
    except RecursionError:
        raise InputError(f"expected {expected} in YAML, got lists nested too deeply in {where}; flatten them") from None
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, IndexError, KeyError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"expected {expected} in YAML, could not read {where}: {reason}") from None
