"""Lists, texts, numbers and numpy's arrays of numbers out of a pickle, without unpickling it.

A pickle is a program. Here it is read as data: nothing is imported or called, memory is bounded by the file's size, and
whatever a list of plain values does not need is refused.
"""

import pickletools
import warnings
from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeGuard, final

import numpy as np

_MOST_BYTES: Final = 1 << 28
_NUMBERS: Final = "iufb"
_SCALARS: Final = frozenset(
    {
        "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT",
        "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING",
        "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
    }
)  # fmt: skip
_NUMPY_NAMES: Final = ("_reconstruct", "ndarray", "dtype", "scalar")
_OTHER_NAMES: Final = (("_codecs", "encode"), ("__builtin__", "bytes"), ("builtins", "bytes"))
"""How older forms of pickle write bytes."""
_LONGEST_INT: Final = 1 << 63


class _Name(NamedTuple):
    """Name that a pickle refers to."""

    module: str
    name: str


@final
class _Array:
    """An array or a number of numpy, once its state is known."""

    def __init__(self) -> None:
        self.values: np.ndarray | None = None


@final
class _Type:
    """A type of numpy's numbers."""

    def __init__(self, code: object) -> None:
        self.code, self.order = code, "<"

    def dtype(self) -> np.dtype[Any]:
        """The type in numpy.

        Raises:
            ValueError: If it is none of integers, floats and truth values.
        """
        code = self.code.decode("ascii", "replace") if isinstance(self.code, bytes) else self.code
        if not isinstance(code, str) or len(code) != 2 or code[0] not in _NUMBERS or code[1] not in "1248":
            raise ValueError(f"numbers of type {str(code)[:20]!r}")
        return np.dtype(("<" if self.order == "|" else self.order) + code)


def read_plain_pickle(content: bytes) -> Any:  # noqa: ANN401 - whatever the file holds
    """The lists, dicts, tuples, texts, numbers and arrays of numbers that a pickle holds.

    Args:
        content: The file.
    Returns:
        Python's own values; numpy's arrays and numbers as arrays. Parts that the pickle names twice are one object.
    Raises:
        ValueError: If it is no pickle, is damaged, or holds anything else: classes, functions, objects.

    Example:
        >>> import pickle
        >>> read_plain_pickle(pickle.dumps([{"name": "a", "frames": np.array([3, 5])}]))
        [{'name': 'a', 'frames': array([3, 5])}]
    """
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{len(content)} bytes, more than {_MOST_BYTES}")
    machine = _Machine()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of escapes in texts of older forms
        # Every argument is cut out of the file, so none is longer than that.
        for opcode, argument, _ in pickletools.genops(BytesIO(content)):
            if machine.step(opcode.name, argument):
                return _finished(machine.pop())
    raise ValueError("a file that ends early")


@final
class _Machine:
    """A stack and numbered values, as the opcodes of a pickle move them."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> bool:  # noqa: ANN401 - as the opcode has it
        """Follows one opcode; true at the end."""
        if name in _SCALARS:
            self.stack.append(_scalar(name, argument))
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        elif name == "STOP":
            return True
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"it needs {name}, which plain values do not")
        return False

    def pop(self) -> Any:  # noqa: ANN401 - whatever lies on the stack
        self.require()
        return self.stack.pop()

    def require(self) -> None:
        """Refuses to go on where no value lies above the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise ValueError("a damaged order of values")

    def marked(self) -> list[Any]:
        """The values since the last mark."""
        if not self.marks:
            raise ValueError("a damaged order of values")
        place = self.marks.pop()
        found = self.stack[place:]
        del self.stack[place:]
        return found

    def top(self, kind: type) -> Any:  # noqa: ANN401 - of that kind
        self.require()
        if not isinstance(self.stack[-1], kind):
            raise ValueError(f"a value that is no {kind.__name__}")
        return self.stack[-1]

    def extend(self, values: list[Any]) -> None:
        self.top(list).extend(values)

    def update(self, values: list[Any]) -> None:
        target = self.top(dict)
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str | int):
                raise ValueError("a dict whose keys are no texts")
            target[key] = value

    def pairs(self, values: list[Any]) -> None:
        self.stack.append({})
        self.update(values)

    def recall(self, number: int) -> None:
        if number not in self.memo:
            raise ValueError("a value that was not kept")
        self.stack.append(self.memo[number])

    def keep(self, number: int) -> None:
        self.require()
        self.memo[number] = self.stack[-1]

    def reduce(self) -> None:
        arguments, name = self.pop(), self.pop()
        if not isinstance(name, _Name) or not _is_tuple(arguments):
            raise ValueError("it calls something that is not named")
        self.stack.append(_made(name, arguments))

    def build(self) -> None:
        state, target = self.pop(), self.top(object)
        if not _is_tuple(state) or not isinstance(target, _Array | _Type):
            raise ValueError("it holds an object with a state")
        if isinstance(target, _Type):
            if len(state) < 2 or state[1] not in ("<", ">", "|", "="):
                raise ValueError("a damaged type of numbers")
            target.order = state[1]
        else:
            target.values = _array(state)


_ACTIONS: Final[Mapping[str, Callable[[_Machine, Any], object]]] = MappingProxyType(
    {
        "MARK": lambda m, _: m.marks.append(len(m.stack)),
        "EMPTY_LIST": lambda m, _: m.stack.append([]),
        "EMPTY_DICT": lambda m, _: m.stack.append({}),
        "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
        "DICT": lambda m, _: m.pairs(m.marked()),
        "LIST": lambda m, _: m.stack.append(m.marked()),
        "TUPLE": lambda m, _: m.stack.append(tuple(m.marked())),
        "TUPLE1": lambda m, _: m.stack.append((m.pop(),)),
        "TUPLE2": lambda m, _: m.stack.append((m.pop(), m.pop())[::-1]),
        "TUPLE3": lambda m, _: m.stack.append((m.pop(), m.pop(), m.pop())[::-1]),
        "APPEND": lambda m, _: m.extend([m.pop()]),
        "APPENDS": lambda m, _: m.extend(m.marked()),
        "SETITEM": lambda m, _: m.update([m.pop(), m.pop()][::-1]),
        "SETITEMS": lambda m, _: m.update(m.marked()),
        "POP": lambda m, _: m.pop(),
        "PUT": lambda m, number: m.keep(number),
        "BINPUT": lambda m, number: m.keep(number),
        "LONG_BINPUT": lambda m, number: m.keep(number),
        "MEMOIZE": lambda m, _: m.keep(len(m.memo)),
        "GET": lambda m, number: m.recall(number),
        "BINGET": lambda m, number: m.recall(number),
        "LONG_BINGET": lambda m, number: m.recall(number),
        "GLOBAL": lambda m, text: m.stack.append(_known(*text.split(" ", 1))),
        "STACK_GLOBAL": lambda m, _: m.stack.append(_known(*(m.pop(), m.pop())[::-1])),
        "REDUCE": lambda m, _: m.reduce(),
        "BUILD": lambda m, _: m.build(),
    }
)


def _is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


def _scalar(name: str, argument: Any) -> Any:  # noqa: ANN401 - None, a number, a text or bytes
    if name in ("NONE", "NEWTRUE", "NEWFALSE"):
        return {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name]
    if isinstance(argument, int) and abs(argument) > _LONGEST_INT:
        raise ValueError("a number beyond 64 bits")
    return argument


def _known(module: object, name: object) -> _Name:
    """A name that numpy's arrays need; it is only compared, never looked up."""
    numpy = isinstance(module, str) and module.split(".")[0] == "numpy"
    if not (numpy and name in _NUMPY_NAMES) and (module, name) not in _OTHER_NAMES:
        raise ValueError(f"it names {str(module)[:40]}.{str(name)[:40]}")
    return _Name(str(module), str(name))


def _made(name: _Name, arguments: tuple[Any, ...]) -> object:
    if name.name == "_reconstruct":
        return _Array()
    if name.name == "dtype" and arguments:
        return _Type(arguments[0])
    if name.name == "encode" and len(arguments) == 2 and isinstance(arguments[0], str) and arguments[1] == "latin1":
        return arguments[0].encode("latin1")
    if name.name == "bytes" and not arguments:
        return b""
    if name.name == "scalar" and len(arguments) == 2 and isinstance(arguments[0], _Type):
        return _numbers((), arguments[0], arguments[1])
    raise ValueError(f"it calls {name.module}.{name.name} in an unknown way")


def _array(state: tuple[Any, ...]) -> np.ndarray:
    """(version, shape, type, Fortran order, bytes), as numpy writes it."""
    if len(state) != 5 or not _is_tuple(state[1]) or not isinstance(state[2], _Type):
        raise ValueError("a damaged array")
    values = _numbers(state[1], state[2], state[4])
    return values.reshape(state[1][::-1]).T if state[3] else values


def _numbers(shape: tuple[Any, ...], kind: _Type, content: object) -> np.ndarray:
    dtype = kind.dtype()
    content = content.encode("latin1") if isinstance(content, str) else content
    if not isinstance(content, bytes) or not all(isinstance(side, int) and side >= 0 for side in shape):
        raise ValueError("a damaged array")
    count = 1
    for side in shape:
        count *= side
    if len(shape) > 4 or count * dtype.itemsize != len(content):
        raise ValueError("an array of another size than its bytes")
    return np.frombuffer(content, dtype).reshape(shape)


def _finished(value: Any) -> Any:  # noqa: ANN401 - as read
    """The value with its arrays in their places; lists and dicts are changed where they lie, once each."""
    whole: list[Any] = [value]
    seen: set[int] = set()
    waiting: list[Any] = [whole]
    while waiting:
        container = waiting.pop()
        kind = container.__class__
        if id(container) in seen or kind not in (list, dict, tuple):
            continue
        seen.add(id(container))
        items: Any = container.items() if kind is dict else enumerate(container)
        for key, part in list(items):
            if isinstance(part, _Array):
                if part.values is None or kind is tuple:
                    raise ValueError("an array without numbers, or one in a tuple")
                container[key] = part.values
            elif isinstance(part, _Type | _Name):
                raise ValueError("a name where a value should stand")
            else:
                waiting.append(part)
    return whole[0]
