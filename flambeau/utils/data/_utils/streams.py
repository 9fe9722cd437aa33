"""Random streams: those of a worker, those that a data set holds, and their states for an exact resume."""

import collections
import copy
import functools
import itertools
import random
import sys
import types

import flambeau

__all__ = ["Streams", "held_generators", "own_generators", "read", "reseed", "seed_everything", "write"]

DEPTH, WIDTH, NODES = 8, 1000, 20_000  # how far the search for held generators goes


def numpy_sequence(base_seed, *more):
    """NumPy's seed of the worker ``more[0]``; further numbers give further streams."""
    import numpy

    return numpy.random.SeedSequence([more[0], base_seed & 0xFFFFFFFF, base_seed >> 32, 0, *more[1:]])


def _generate_state(base_seed, worker_id):
    """NumPy's seed of a worker as four numbers."""
    return numpy_sequence(base_seed, worker_id).generate_state(4).tolist()


def seed_everything(seed, base_seed, worker_id):
    """Seeds flambeau, Python and numpy (also one imported later) as torch does in the worker with that number."""
    flambeau.manual_seed(seed)
    random.seed(seed)

    def seed_numpy():
        import numpy

        numpy.random.seed(_generate_state(base_seed, worker_id))

    if "numpy" in sys.modules:
        seed_numpy()
    else:
        sys.meta_path.insert(0, _AfterImport("numpy", seed_numpy))


class _AfterImport:
    """Calls a function once a module has been imported, for which it is not imported."""

    def __init__(self, name, function):
        self.name, self.function = name, function

    def find_spec(self, name, path=None, target=None):
        """Finds the module as others do, and has its loader call the function."""
        if name != self.name:
            return None
        import importlib.util

        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            run = spec.loader.exec_module

            def exec_module(module):
                run(module)
                self.function()

            spec.loader.exec_module = exec_module
        return spec


# ---------------------------------------------------------------- states


def _bits(source):
    """The bit generator of a numpy.random.Generator."""
    bits = getattr(source, "bit_generator", None)
    return bits if hasattr(bits, "state") else None


def read(source):
    """The state of a generator, or of the modules ``random`` and ``numpy.random``."""
    if _bits(source) is not None:
        return source.bit_generator.state
    if hasattr(source, "getstate"):
        return source.getstate()
    return source.get_state() if isinstance(source, flambeau.Generator) else source.get_state(legacy=False)


def write(source, state):
    """Goes on from a state that ``read`` gave, as it is or made plain."""
    if _bits(source) is not None:
        source.bit_generator.state = state
    elif hasattr(source, "setstate"):
        source.setstate(_tuples(state))
    elif isinstance(source, flambeau.Generator):
        source.set_state(state)
    else:
        source.set_state(_with_array(state))


def _tuples(state):
    return tuple(tuple(part) if isinstance(part, list) else part for part in state)


def _with_array(state):
    import numpy

    inner = state["state"]
    return {**state, "state": {**inner, "key": numpy.asarray(inner["key"], dtype=numpy.uint32)}}


def plain(state):
    """A state without numpy's types, which checkpoints can hold."""
    if isinstance(state, dict):
        return {key: plain(value) for key, value in state.items()}
    return state.tolist() if hasattr(state, "tolist") and not isinstance(state, flambeau.Tensor) else state


def _same(a, b):
    if isinstance(a, dict):
        return isinstance(b, dict) and all(_same(value, b.get(key)) for key, value in a.items())
    if isinstance(a, flambeau.Tensor):
        return isinstance(b, flambeau.Tensor) and flambeau.equal(a, b)
    return bool((a == b).all()) if hasattr(a, "all") and hasattr(b, "all") else a == b


class Streams:
    """Some sources of random numbers; ``news`` gives the states of those that were drawn from since the last call.

    ``whole``: the default generators of flambeau, Python and (once it is imported) numpy belong to them.
    """

    def __init__(self, held, whole=True):
        self.held, self.whole, self.last = list(held), whole, {}

    def sources(self):
        """Name and source of each."""
        if self.whole:
            yield "flambeau", flambeau.default_generator
            yield "python", random
            if "numpy" in sys.modules:
                yield "numpy", sys.modules["numpy"].random
        yield from ((str(place), source) for place, source in enumerate(self.held))

    def states(self):
        """All states, by name."""
        return {name: read(source) for name, source in self.sources()}

    def news(self):
        """The states that have changed, by name."""
        states = self.states()
        changed = {name: state for name, state in states.items() if not _same(state, self.last.get(name))}
        self.last = states
        return changed

    def restore(self, states):
        """Goes on from states that were read here or in another process.

        Raises:
            ValueError: the states are of more generators than there are.
        """
        if "numpy" in states:
            import numpy  # noqa: F401 - now it is a source
        sources = dict(self.sources())
        missing = [name for name in states if name not in sources]
        if missing:
            raise ValueError(
                f"[DataLoader] the saved state has {len(states)} random streams, here there are {len(sources)}: "
                "resume with a data set and sampler that hold the same generators"
            )
        for name, state in states.items():
            write(sources[name], state)


# ---------------------------------------------------------------- generators that a data set holds


def _is_generator(value):
    if isinstance(value, (flambeau.Generator, random.Random)):
        return True
    return type(value).__module__.startswith("numpy.random") and (
        _bits(value) is not None or hasattr(value, "get_state")
    )


def _global_ones():
    """The default generators, which are seeded by themselves."""
    found = [flambeau.default_generator, getattr(random, "_inst", None)]
    if "numpy" in sys.modules:
        found.append(getattr(sys.modules["numpy"].random.mtrand, "_rand", None))
    return {id(value) for value in found}


_CLOSED = (str, bytes, bytearray, int, float, complex, type(None), type, types.ModuleType, flambeau.Tensor, range)


def _parts(value):
    """The values that a value refers to, as (key, part); the key says where for ``_with_parts``."""
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, (list, tuple, collections.deque)):
        parts = enumerate(value)
    elif isinstance(value, types.MethodType):
        parts = [("self", value.__self__), ("function", value.__func__)]
    elif isinstance(value, functools.partial):
        parts = [("function", value.func), ("args", value.args), ("keywords", value.keywords)]
    elif isinstance(value, types.FunctionType):
        parts = [(place, _content(cell)) for place, cell in enumerate(value.__closure__ or ())]
    else:
        parts = _attributes(value).items()
    return list(itertools.islice(parts, WIDTH))


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _attributes(value):
    found = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        names = kind.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            slot = kind.__dict__.get(name)
            if isinstance(slot, types.MemberDescriptorType):
                try:
                    found[name] = slot.__get__(value)
                except AttributeError:
                    continue
    return found


def _walk(roots, skip=()):
    """Visits what the roots refer to: the generators in order, and {id: ids of those that refer to it}."""
    closed, generators, parents = _global_ones() | {id(value) for value in skip}, [], {}
    pending, seen = collections.deque((root, 0) for root in roots), {id(root): root for root in roots}
    while pending and len(seen) < NODES:
        value, depth = pending.popleft()
        if id(value) in closed or isinstance(value, _CLOSED):
            continue
        if _is_generator(value):
            generators.append(value)
            continue
        if depth == DEPTH:
            continue
        for _, part in _parts(value):
            if isinstance(part, _CLOSED):
                continue
            parents.setdefault(id(part), set()).add(id(value))
            if id(part) not in seen:
                seen[id(part)] = part
                pending.append((part, depth + 1))
    return generators, parents, seen


def held_generators(*roots, skip=()):
    """The generators that objects hold: in attributes, containers, bound methods, partial functions and closures.

    The search goes 8 references deep and looks at no more than 1,000 elements of a container and 20,000 objects.
    """
    return _walk(roots, skip)[0]


def own_generators(*roots):
    """Copies of the roots that hold generators of their own but share everything else, and these generators."""
    generators, parents, _seen = _walk(roots)
    above, pending = set(), [id(generator) for generator in generators]
    while pending:
        for parent in parents.get(pending.pop(), ()):
            if parent not in above:
                above.add(parent)
                pending.append(parent)
    memo = {id(generator): copy.deepcopy(generator) for generator in generators}
    return [_cloned(root, above, memo) for root in roots], [memo[id(generator)] for generator in generators]


def _cloned(value, above, memo):
    if id(value) in memo:
        return memo[id(value)]
    if id(value) not in above:
        return value
    parts = _parts(value)
    if isinstance(value, (tuple, types.MethodType, functools.partial, types.FunctionType)):
        clone = memo[id(value)] = _rebuilt(value, {key: _cloned(part, above, memo) for key, part in parts})
        return clone
    try:
        clone = memo[id(value)] = copy.copy(value)
    except Exception:  # what cannot be copied is shared
        memo[id(value)] = value
        return value
    for key, part in parts:
        new = _cloned(part, above, memo)
        if new is part:
            continue
        if isinstance(value, (dict, list, collections.deque)):
            clone[key] = new
        else:
            object.__setattr__(clone, key, new)
    return clone


def _rebuilt(value, parts):
    if isinstance(value, types.MethodType):
        return types.MethodType(parts["function"], parts["self"])
    if isinstance(value, functools.partial):
        return functools.partial(parts["function"], *parts["args"], **parts["keywords"])
    if isinstance(value, types.FunctionType):
        cells = tuple(types.CellType(part) for part in parts.values())
        clone = types.FunctionType(value.__code__, value.__globals__, value.__name__, value.__defaults__, cells)
        clone.__kwdefaults__ = value.__kwdefaults__
        return clone
    items = [*parts.values(), *value[len(parts) :]]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def reseed(generators, base_seed, worker_id):
    """Gives each generator a stream that depends on base seed, worker and its place in the list."""
    for place, value in enumerate(generators):
        if isinstance(value, flambeau.Generator):
            value.manual_seed((base_seed + worker_id + (place + 1) * 0x9E3779B97F4A7C15) % 2**63)
        elif isinstance(value, random.Random):
            value.seed(f"{base_seed + worker_id} {place}")
        elif (bits := _bits(value)) is not None:
            bits.state = type(bits)(numpy_sequence(base_seed, worker_id, place + 1)).state
        else:
            value.seed(numpy_sequence(base_seed, worker_id, place + 1).generate_state(4))
