"""A pickle interpreter that can only make data.

It knows a short list of globals, all of which are plain data or functions of this module; anything else ends in an
error that names it. No Python global is ever resolved or called on a file's demand.
"""

import codecs
import struct
from collections import Counter, OrderedDict, defaultdict, deque

from flambeau.serialization import allowed as known
from flambeau.serialization import arrays
from flambeau.serialization.checks import UnpicklingError, check, refuse
from flambeau.serialization.names import public_name

_NUMBERS = {layout: struct.Struct("<" + layout) for layout in "BHiIQ"}
_MAPPINGS = {dict, OrderedDict, defaultdict, Counter}
_SIZED = {tuple, list, dict, OrderedDict, str, bytes, bytearray, set, frozenset}
# What handlers raise where the values on the stack are not what they should be.
_BREAKS = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, struct.error, TypeError, UnicodeError, ValueError),
    *(MemoryError, RecursionError),
)


class DataUnpickler:
    """Interprets one pickle.

    Args:
        data: the bytes.
        load_storage: from a persistent id, a tuple, to a storage.
        allowed: more globals by name, which files may call too: what the user declared to be safe.
        encoding: of the byte strings of Python 2.
        position: where the pickle begins; where it ended, afterwards.
    """

    def __init__(self, data, load_storage, allowed=None, encoding="utf-8", position=0):
        self.data, self.position, self.encoding = data, position, encoding
        self.load_storage, self.allowed = load_storage, allowed or {}
        self.fillable = getattr(allowed, "fillable", ())
        self.stack, self.marks, self.memo, self.refined = [], [], {}, {}
        # Calls may take their arguments from the memo again and again: all together do not look at much more than there is.
        self.work = 4 * len(data) + (1 << 18)

    def load(self):
        """The object.

        Raises:
            pickle.UnpicklingError: the pickle needs a global that is not allowed, or is corrupt.
        """
        try:
            while True:
                opcode = self._byte()
                if opcode == 0x2E:  # STOP
                    return self.stack.pop()
                handler = _HANDLERS.get(opcode)
                if handler is None:
                    refuse(f"pickle opcode {opcode:#x} at byte {self.position - 1}, which plain data does not need")
                handler(self)
        except (UnpicklingError, NotImplementedError):
            raise
        except _BREAKS as error:
            raise UnpicklingError(
                f"[load] the pickle breaks at byte {self.position} ({type(error).__name__}: {error}); "
                "the file is corrupt, or not made by save"
            ) from None

    def _byte(self):
        position = self.position
        self.position = position + 1
        try:
            return self.data[position]
        except IndexError:
            return refuse(f"the pickle ends at byte {len(self.data)}, in the middle of a value")

    def _take(self, size):
        end = self.position + size
        if size < 0 or end > len(self.data):
            refuse(f"the pickle ends at byte {len(self.data)}, in the middle of a value")
        piece = self.data[self.position : end]
        self.position = end
        return piece

    def _line(self):
        end = self.data.find(b"\n", self.position, self.position + 65536)
        check(end >= 0, "a line without end")
        piece = self.data[self.position : end]
        self.position = end + 1
        return bytes(piece)

    def _number(self, layout):
        if layout == "B":
            return self._byte()
        number = _NUMBERS[layout]
        return number.unpack(self._take(number.size))[0]

    def _since_mark(self):
        items, self.stack = self.stack, self.marks.pop()
        return items

    # -- globals and calls

    def find(self, module, name):
        """The value of a global.

        Raises:
            pickle.UnpicklingError: it is not on the list.
        """
        full = public_name(module, name)
        found, value = known.find(full)
        if found:
            return value
        if full in self.allowed:
            return self.allowed[full]
        raise UnpicklingError(
            f"Weights only load failed. Unsupported global: GLOBAL {full} was not an allowed global by default. "
            "Loading it would run code that the file chooses. If you trust the file, allow this name with "
            f"flambeau.serialization.add_safe_globals([{name}]), or load with weights_only=False, allow_code=True (in a program that cannot be changed: FLAMBEAU_LOAD_CODE=1)"
        )

    def _charge(self, values):
        for value in values:
            if type(value) in _SIZED:
                self.work -= len(value)
        check(self.work >= 0, "calls that take the same values again and again")

    def _reduce(self):
        args, function = self.stack.pop(), self.stack.pop()
        check(type(args) is tuple, "a call without arguments")
        self.stack.append(self._call(function, args))

    def _call(self, function, args):
        if _is_known(function):
            self._charge(args)
            return known.CALLS[function](*args)
        if any(function is each for each in self.allowed.values()) and function not in self.fillable:
            return function(*args)
        return refuse(f"a call of {function!r:.100}")

    def _new(self, keywords=None):
        args, kind = self.stack.pop(), self.stack.pop()
        check(isinstance(kind, type) and type(args) is tuple, "an object of what is no class")
        if _is_known(kind) and not keywords:
            self._charge(args)
            self.stack.append(known.CALLS[kind](*args))
            return
        check(any(kind is each for each in self.allowed.values()), f"an object of {kind!r:.100}")
        check(kind not in self.fillable or not (args or keywords), f"a {kind.__name__} with arguments")
        self.stack.append(kind.__new__(kind, *args, **(keywords or {})))

    def _new_with_keywords(self):
        keywords = self.stack.pop()
        check(type(keywords) is dict and all(type(key) is str for key in keywords), "an object of strange arguments")
        self._new(keywords)

    def _build(self):
        state, instance = self.stack.pop(), self.stack[-1]
        if type(instance) is OrderedDict:
            check(type(state) is dict and all(type(key) is str for key in state), "a dict in a strange state")
            instance.__dict__.update(state)
        elif arrays.is_dtype(instance):
            self._refine(instance, arrays.refined_dtype(instance, state))
        elif arrays.is_array(instance):
            self._charge(state if type(state) is tuple else ())
            arrays.fill(instance, state)
        elif type(instance) in known.STATES:
            known.STATES[type(instance)](instance, state)
        elif any(type(instance) is each for each in self.allowed.values()):
            _set_state(instance, state)
        else:
            refuse(f"a state for a {type(instance).__name__}")

    def _refine(self, dtype, refined):
        """A dtype cannot change: another one takes its place, on the stack and in the memo."""
        self.stack[-1] = refined
        if (place := self.refined.pop(id(dtype), None)) is not None:
            self.memo[place] = refined

    def _store(self, place, value):
        self.memo[place] = value
        if arrays.is_dtype(value):
            self.refined[id(value)] = place

    def _set_items(self, items):
        target = self.stack[-1]
        check(type(target) in _MAPPINGS and len(items) % 2 == 0, f"items for a {type(target).__name__}")
        for place in range(0, len(items), 2):
            target[known.as_key(items[place])] = items[place + 1]

    def _append(self, items):
        check(type(self.stack[-1]) in (list, deque), f"elements for a {type(self.stack[-1]).__name__}")
        self.stack[-1].extend(items)

    def _add(self, items):
        check(type(self.stack[-1]) is set, f"elements for a {type(self.stack[-1]).__name__}")
        self.stack[-1].update(known.as_key(item) for item in items)

    def _frozen(self, items):
        return frozenset(known.as_key(item) for item in items)


def _is_known(function):
    try:
        return callable(function) and function in known.CALLS
    except TypeError:  # it cannot be hashed
        return False


def _set_state(instance, state):
    if hasattr(instance, "__setstate__"):
        instance.__setstate__(state)
        return
    slots = None
    if type(state) is tuple and len(state) == 2:
        state, slots = state
    if state:
        instance.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(instance, name, value)


# ---------------------------------------------------------------- the opcodes


def _put(function):
    def run(machine):
        value = function(machine)  # which may replace the stack
        machine.stack.append(value)

    return run


def _text(layout):
    return _put(lambda machine: str(machine._take(machine._number(layout)), "utf-8", "surrogatepass"))


def _octets(layout):
    return _put(lambda machine: bytes(machine._take(machine._number(layout))))


def _old_string(layout):
    def value(machine):
        data = bytes(machine._take(machine._number(layout)))
        return data if machine.encoding == "bytes" else data.decode(machine.encoding, "replace")

    return _put(value)


def _quoted(machine):
    line = machine._line()
    check(len(line) >= 2 and line[:1] == line[-1:] and line[:1] in (b"'", b'"'), "a strange string")
    data = codecs.escape_decode(line[1:-1])[0]
    return data if machine.encoding == "bytes" else data.decode(machine.encoding, "replace")


def _decimal(machine):
    line = machine._line()
    return {b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line.rstrip(b"L"))


def _long(layout):
    return _put(lambda machine: int.from_bytes(machine._take(machine._number(layout)), "little", signed=True))


def _tuple(count):
    def run(machine):
        items = tuple(machine.stack[-count:])
        check(len(items) == count, "a tuple of nothing")
        machine.stack[-count:] = [items]

    return run


def _mark(machine):
    machine.marks.append(machine.stack)
    machine.stack = []


def _dict_since_mark(machine):
    items = machine._since_mark()
    machine.stack.append({})
    machine._set_items(items)


def _set_item(machine):
    value, key = machine.stack.pop(), machine.stack.pop()
    machine._set_items([key, value])


def _append_one(machine):
    value = machine.stack.pop()
    machine._append([value])


def _pop(machine):
    if machine.stack:
        machine.stack.pop()
    else:
        machine._since_mark()


def _global(machine):
    module, name = machine._line().decode(), machine._line().decode()
    return machine.find(module, name)


def _stack_global(machine):
    name, module = machine.stack.pop(), machine.stack.pop()
    check(type(name) is str and type(module) is str, "a strange global")
    return machine.find(module, name)


def _persistent(machine):
    return machine.load_storage(machine.stack.pop())


_HANDLERS = {
    ord(code): handler
    for code, handler in {
        "(": _mark,
        "0": _pop,
        "1": lambda machine: machine._since_mark(),
        "2": _put(lambda machine: machine.stack[-1]),
        "F": _put(lambda machine: float(machine._line())),
        "G": _put(lambda machine: struct.unpack(">d", machine._take(8))[0]),
        "I": _put(_decimal),
        "L": _put(_decimal),
        "J": _put(lambda machine: machine._number("i")),
        "K": _put(lambda machine: machine._number("B")),
        "M": _put(lambda machine: machine._number("H")),
        "\x8a": _long("B"),
        "\x8b": _long("i"),
        "N": _put(lambda machine: None),
        "\x88": _put(lambda machine: True),
        "\x89": _put(lambda machine: False),
        "S": _put(_quoted),
        "T": _old_string("i"),
        "U": _old_string("B"),
        "V": _put(lambda machine: machine._line().decode("raw-unicode-escape")),
        "X": _text("I"),
        "\x8c": _text("B"),
        "\x8d": _text("Q"),
        "B": _octets("I"),
        "C": _octets("B"),
        "\x8e": _octets("Q"),
        "\x96": _put(lambda machine: bytearray(machine._take(machine._number("Q")))),
        "]": _put(lambda machine: []),
        "}": _put(lambda machine: {}),
        ")": _put(lambda machine: ()),
        "\x8f": _put(lambda machine: set()),
        "l": _put(lambda machine: machine._since_mark()),
        "t": _put(lambda machine: tuple(machine._since_mark())),
        "d": _dict_since_mark,
        "\x85": _tuple(1),
        "\x86": _tuple(2),
        "\x87": _tuple(3),
        "a": _append_one,
        "e": lambda machine: machine._append(machine._since_mark()),
        "s": _set_item,
        "u": lambda machine: machine._set_items(machine._since_mark()),
        "\x90": lambda machine: machine._add(machine._since_mark()),
        "\x91": _put(lambda machine: machine._frozen(machine._since_mark())),
        "g": _put(lambda machine: machine.memo[int(machine._line())]),
        "h": _put(lambda machine: machine.memo[machine._number("B")]),
        "j": _put(lambda machine: machine.memo[machine._number("I")]),
        "p": lambda machine: machine._store(int(machine._line()), machine.stack[-1]),
        "q": lambda machine: machine._store(machine._number("B"), machine.stack[-1]),
        "r": lambda machine: machine._store(machine._number("I"), machine.stack[-1]),
        "\x94": lambda machine: machine._store(len(machine.memo), machine.stack[-1]),
        "c": _put(_global),
        "\x93": _put(_stack_global),
        "R": lambda machine: machine._reduce(),
        "b": lambda machine: machine._build(),
        "\x81": lambda machine: machine._new(),
        "\x92": lambda machine: machine._new_with_keywords(),
        "Q": _put(_persistent),
        "\x80": lambda machine: machine._take(1),
        "\x95": lambda machine: machine._take(8),
    }.items()
}
