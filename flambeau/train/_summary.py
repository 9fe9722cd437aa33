"""What a model consists of: shapes, parameters, multiplications and memory of each module, found without computing."""

import dataclasses
import math

import flambeau
from flambeau.nn.utils.stateless import functional_call
from flambeau.utils import _pytree

__all__ = ["Summary", "summary"]

_BRANCH, _LAST, _PIPE, _SPACE = "├─", "└─", "│  ", "   "


@dataclasses.dataclass
class Line:
    """One module in the table."""

    name: str
    kind: str
    depth: int
    module: object
    shape: str = ""  # of the output
    own: int = 0  # parameters of the module and all in it, the shared ones counted where they come first
    trainable: int = 0
    repeated: bool = False  # its parameters belong to a module further up
    macs: int = 0  # multiply-accumulate operations of all its calls, with those of the modules in it
    activations: int = 0  # bytes of its outputs, if it has no modules in it
    calls: int = 0
    parts: list = dataclasses.field(default_factory=list)


class Summary:
    """The table that `summary` makes: `print` it, or read its totals.

    Attributes:
        lines: one `Line` per module, in the order of the tree.
        parameters, trainable: numbers of elements.
        macs: multiply-accumulate operations of one forward pass.
        parameter_bytes, activation_bytes, input_bytes: memory.

    >>> found = flambeau.summary(flambeau.nn.Linear(3, 2), (1, 3))
    >>> found.parameters, found.macs, found.activation_bytes
    (8, 6, 8)
    """

    def __init__(self, root, lines, inputs, depth):
        self.root, self.lines, self.depth = root, lines, depth
        self.parameters, self.trainable, self.macs = root.own, root.trainable, root.macs
        tensors = {id(t): t for t in (*root.module.parameters(), *root.module.buffers())}.values()
        self.parameter_bytes = sum(t.nbytes for t in tensors)
        self.activation_bytes = sum(line.activations for line in lines)
        self.input_bytes = sum(t.nbytes for t in _tensors(inputs))

    def __str__(self):
        rows = [("Module", "Output shape", "Parameters", "MACs")]
        rows += [_row(prefix, line) for prefix, line in _drawn(self.root, self.depth)]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        table = [
            "  ".join(
                (r[0].ljust(widths[0]), r[1].ljust(widths[1]), r[2].rjust(widths[2]), r[3].rjust(widths[3]))
            ).rstrip()
            for r in rows
        ]
        rule = "─" * max(map(len, table))
        fixed = self.parameters - self.trainable
        totals = [
            f"Parameters: {self.parameters:,} ({self.trainable:,} trainable, {fixed:,} fixed)",
            f"MACs: {_scaled(self.macs, 1000, '')}",
            f"Memory: input {_scaled(self.input_bytes)}, activations {_scaled(self.activation_bytes)}, "
            f"parameters and buffers {_scaled(self.parameter_bytes)}",
        ]
        return "\n".join([table[0], rule, *table[1:], rule, *totals])

    __repr__ = __str__


def summary(model, input_size=None, input_data=None, *, dtypes=None, depth=3, **kwargs):
    """A table of a model's modules with the shapes of their outputs, their parameters and multiplications.

    The model runs on the meta device: nothing is computed, nothing in the model changes, and the size of the input costs nothing.

    Args:
        model: the module.
        input_size: the shape of the input with its batch dimension, or a list of shapes.
        input_data: instead of sizes, the arguments themselves: a tensor, or a tuple or list of arguments. Without either
            the table has no shapes.
        dtypes: of the inputs that sizes describe; float32 by default.
        depth: how many levels of modules are shown.
        kwargs: keyword arguments of the model's forward.

    Returns:
        Summary: prints as a table.

    Raises:
        RuntimeError: the model does not take these inputs, or its shapes depend on values.

    >>> model = flambeau.nn.Sequential(flambeau.nn.Conv2d(1, 4, 3), flambeau.nn.Flatten(), flambeau.nn.Linear(16, 2))
    >>> flambeau.summary(model, (8, 1, 4, 4))
    Module         Output shape  Parameters   MACs
    ──────────────────────────────────────────────
    Sequential     (8, 2)                74  1,408
    ├─Conv2d (0)   (8, 4, 2, 2)          40  1,152
    ├─Flatten (1)  (8, 16)                0      0
    └─Linear (2)   (8, 2)                34    256
    ──────────────────────────────────────────────
    Parameters: 74 (74 trainable, 0 fixed)
    MACs: 1.41 K
    Memory: input 512 B, activations 1.06 KiB, parameters and buffers 296 B
    """
    lines = _tree(model)
    inputs = _inputs(input_size, input_data, dtypes)
    if inputs is not None:
        _trace(model, {id(line.module): line for line in reversed(lines)}, inputs, kwargs)
    return Summary(lines[0], lines, (inputs or (), kwargs), depth)


def _tree(model):
    lines, seen = [], set()

    def walk(module, name, depth):
        line = Line(name, type(module).__name__, depth, module)
        lines.append(line)
        for p in module._parameters:
            p = getattr(module, p)
            if p is None:
                continue
            line.repeated |= id(p) in seen
            if id(p) not in seen and not isinstance(p, flambeau.nn.parameter.UninitializedTensorMixin):
                seen.add(id(p))
                line.own += p.numel()
                line.trainable += p.numel() if p.requires_grad else 0
        for name, child in module._modules.items():
            if child is not None:
                part = walk(getattr(module, name), name, depth + 1)
                line.parts.append(part)
                line.own += part.own
                line.trainable += part.trainable
        return line

    walk(model, "", 0)
    return lines


def _inputs(sizes, data, dtypes):
    if data is not None:
        data = tuple(data) if isinstance(data, (tuple, list)) else (data,)
        return _pytree.tree_map(_to_meta, data)
    if sizes is None:
        return None
    sizes = [sizes] if all(isinstance(n, int) for n in sizes) else sizes
    dtypes = [dtypes] * len(sizes) if not isinstance(dtypes, (tuple, list)) else dtypes
    if len(dtypes) != len(sizes):
        raise ValueError(f"[summary] expected one dtype per input, got {len(dtypes)} dtypes for {len(sizes)} sizes")
    return tuple(flambeau.empty(*s, dtype=t, device="meta") for s, t in zip(sizes, dtypes, strict=True))


def _to_meta(value):
    return value.detach().to("meta") if isinstance(value, flambeau.Tensor) else value


def _trace(model, lines, inputs, kwargs):
    """Run the model without values; hooks fill in the lines."""
    own = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    without_values = {id(t): t.detach().to("meta") for _, t in own}
    state = {name: without_values[id(t)] for name, t in own}
    stack, hooks = [], []

    def before(module, args):
        stack.append(0)

    def after(module, args, output):
        line, inside = lines.get(id(module)), stack.pop()
        macs = inside + _macs(module, args, output)
        if stack:
            stack[-1] += macs
        if line is not None:
            line.macs, line.calls = line.macs + macs, line.calls + 1
            line.shape = _shape(output)
            line.activations += 0 if line.parts else sum(t.nbytes for t in _tensors(output))

    try:
        for line in lines.values():
            hooks += [line.module.register_forward_pre_hook(before), line.module.register_forward_hook(after)]
        with flambeau.no_grad():
            functional_call(model, state, inputs, _pytree.tree_map(_to_meta, kwargs))
    except NotImplementedError as error:
        raise RuntimeError(
            f"[summary] {type(model).__name__} needs the values of its input, not only shapes: {error}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()


def _tensors(value):
    return [t for t in _pytree.tree_leaves(value) if isinstance(t, flambeau.Tensor)]


def _shape(output):
    shapes = [str(tuple(t.shape)) for t in _tensors(output)]
    return ", ".join(shapes[:2]) + (", ..." if len(shapes) > 2 else "")


def _macs(module, args, output):
    """Multiplications of a module's own products; what it calls modules for is counted there."""
    nn, made = flambeau.nn, _tensors(output)
    if not made:
        return 0
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        return _tensors(args)[0].numel() * math.prod(module.weight.shape[1:])
    if isinstance(module, nn.modules.conv._ConvNd):
        return made[0].numel() * math.prod(module.weight.shape[1:])
    if isinstance(module, nn.Linear):
        return made[0].numel() * module.in_features
    if isinstance(module, nn.Bilinear):
        return made[0].numel() * module.in1_features * module.in2_features
    if isinstance(module, nn.RNNBase):
        steps = (
            args[0].data.shape[0] if isinstance(args[0], nn.utils.rnn.PackedSequence) else math.prod(args[0].shape[:-1])
        )
        return steps * sum(p.numel() for name, p in module.named_parameters() if "weight" in name)
    if isinstance(module, nn.modules.rnn.RNNCellBase):
        return math.prod(made[0].shape[:-1]) * sum(
            p.numel() for name, p in module.named_parameters() if "weight" in name
        )
    if isinstance(module, nn.MultiheadAttention):
        return _attention_macs(module, *args[:2])
    return 0


def _attention_macs(module, query, key):
    """The four projections, and scores and weighted sums of all heads."""
    width = module.embed_dim
    batched = query.dim() == 3
    dim = (1 if module.batch_first else 0) if batched else 0
    queries, keys = query.shape[dim], key.shape[dim]
    batch = (query.shape[0] if module.batch_first else query.shape[1]) if batched else 1
    projections = 2 * queries * width * width + keys * width * (key.shape[-1] + (module.vdim or width))
    return batch * (projections + 2 * queries * keys * width)


def _drawn(line, depth, prefix="", branch=""):
    """(what stands before the name, line) of the tree down to a depth."""
    yield prefix + branch, line
    if line.depth >= depth:
        return
    inner = prefix + {"": "", _BRANCH: _PIPE, _LAST: _SPACE}[branch]
    for place, part in enumerate(line.parts):
        yield from _drawn(part, depth, inner, _LAST if place == len(line.parts) - 1 else _BRANCH)


def _row(prefix, line):
    name = f"{line.kind} ({line.name})" if line.name else line.kind
    own = "(shared)" if line.repeated and not line.own else f"{line.own:,}"
    return prefix + name, line.shape, own, f"{line.macs:,}"


def _scaled(count, base=1024, unit="B"):
    prefixes = ("", "K", "M", "G", "T") if base == 1000 else ("", "Ki", "Mi", "Gi", "Ti")
    power = 0
    while count >= base and power < 4:
        count, power = count / base, power + 1
    return f"{count:.3g} {prefixes[power]}{unit}".strip() if power else f"{count} {unit}".strip()
