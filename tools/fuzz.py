"""Compares flambeau with torch on random calls: `python tools/fuzz.py --draws 20000 --seed 1 [--ops REGEX]`.

A draw takes a row and a sample of the test table and changes it: sizes (the same new size wherever an old one stood, or one
dimension alone), dtypes, memory layouts, special values, integers. Both must give the same dtype, shape and values, or both must raise.
Draw N of a seed is always the same call: `--only N` shows it. Work is done in child processes, so that a crash is a finding.
"""

import argparse
import collections
import importlib
import json
import os
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # for the test table; behind an installed flambeau
SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-40, 0.5, 2.5)
SIZES = (0, 1, 1, 2, 3, 4, 5, 7, 8, 16, 17, 33)
LOOSE = {"float32": 2e-4, "complex64": 2e-4, "float16": 1e-2, "bfloat16": 6e-2, "float64": 1e-7, "complex128": 1e-7}
# Intended differences, as the table in docs/design.md says: (names, kinds of difference, what was said, reason). Regular expressions:
# the first must match all of a name, the others somewhere in the kind, and in the errors of either side.
LOSSES = r".*(loss|cross_entropy|kl_div).*"
INTENDED = [
    ("sort|msort|topk|argsort|kthvalue|mode|median|nanmedian", "values", "", "order of equal values"),
    ("(Tensor.new_)?empty.*", "values", "", "uninitialised values"),
    (
        "special.(bessel|airy).*|polygamma|igammac?|special.zeta",
        "values",
        "",
        "torch's special functions are less precise",
    ),
    (".*(interpolate|upsample).*", "values", "", "bytes are rounded once, not in fixed point"),
    (".*copy_|.*scatter|histogram|histc|logsumexp", "values", "", "NaN and huge numbers as integers"),
    (
        ".*fill_diagonal_|lu_unpack|native_group_norm|nn.functional.grouped_mm",
        "values|raise",
        "",
        "torch misses its places in memory with gaps",
    ),
    ("pixel_unshuffle|addmv|fft.rfftfreq|convolution", "shape", "", "shapes of tensors without elements"),
    (".*", "torch raises", "MKL FFT", "torch's FFT library refuses empty, strided and half precision input"),
    (
        ".*",
        "torch",
        r"INTERNAL ASSERT|please report a bug|Could this error|by zero|ZeroDivision|get_mkldnn|iinfo|: torch\.b?float16",
        "torch fails in itself",
    ),
    (
        ".*",
        "torch",
        r"view size is not compatible|strides|is_contiguous|non-empty|of size \[0\]|size -1|non-zero|setStorage|stride 1|narrow\(\)",
        "torch needs another memory layout, or elements",
    ),
    (
        ".*",
        "raise",
        "ailed to converge|singular|is zero and using it|not positive-definite|full ran|did not converge",
        "when LAPACK gives up",
    ),
    (
        ".*",
        "raise",
        r"mixed dtype|scalar type|Found dtype|desired output type|the? same|same dtype|dtypes match|self.dtype to be equal",
        "several dtypes in one call",
    ),
    (
        LOSSES
        + "|cdist|block_diag|ldexp|addr|addcmul|trapezoid|complex|.*(batch|instance)_norm|linalg.solve_triangular",
        "dtype",
        "",
        "several dtypes in one call",
    ),
    ("ldexp", "values", "", "several dtypes in one call"),
    ("addcdiv", "values", "", "complex numbers divided by zero"),
    ("linalg.lstsq", "shape", "", "when LAPACK gives up"),
    ("(linalg.)?matrix_power", "values", "", "products in half precision are rounded between the factors"),
    ("index_put_", "torch raises", "without overflow", "arguments that mean nothing"),
    (
        "addr|conv.*",
        "torch raises",
        "expanded size|Calculated padded|primitive descriptor|zero batch",
        "torch needs another memory layout, or elements",
    ),
    ("native_batch_norm", "we raise", "should contain", "sizes and places that torch does not check"),
    (
        ".*",
        "we raise",
        "memory location|modes are 0|expected 0 \\(none\\)|coordinates of dim",
        "arguments that mean nothing",
    ),
    (
        "take_along_dim|ctc_loss|index_reduce|lstm|gru|rnn_.*",
        "raise|Error, torch",
        "",
        "sizes and places that torch does not check",
    ),
    (
        LOSSES
        + r"|nn\.functional\.(fold|adaptive.*)|affine_grid.*|grid_sampl.*|nn\.functional\.grid_sample|histogram.*|view_as_complex.*|cross|"
        r"linalg\.cross|_foreach_m..imum|searchsorted|bucketize|inner|tensordot|conv.*|masked\.(am|arg|norm|soft|log_soft).*|(linalg\.)?(solve_)?triangular.*|linalg\.cond|einsum|bmm",
        "raise|Error, torch",
        "",
        "dtypes that only one side takes, or both refuse with another class",
    ),
    ("addmv", "torch IndexError", "", "several mistakes in one call: another one is named"),
    ("segment_reduce", "values|raise", "", "sizes and places that torch does not check"),
    ("linalg.cond", "values", "", "condition numbers of singular matrices"),
]
EMPTY = "torch looks at less where there is nothing to compute"
SEVERAL = "several mistakes in one call: another one is named"
UNDETERMINED = "vectors and signs that an equation leaves open"
BROKEN = "infinities, NaN and 1e30 in sums of products"
FINITE = "infinities and NaN in LAPACK: an error or NaN"


# Sums of products: which of them exist beside an infinity depends on how an algorithm orders them.
BREAKING = (
    r"linalg\..*|fft\..*|conv.*|grid_sampl.*|nn\.functional\.(grid_sample|interpolate|upsample.*|conv.*|bilinear|scaled_dot.*|batch_norm|"
    r"normalize)|lu_solve|triangular_solve|cholesky.*|orgqr|ormqr|slogdet|det|logdet|addbmm|lu|qr|svd|geqrf|native_(batch|group|layer)_norm|"
    r"(std|var)(_mean)?|matrix_exp|einsum|special\..*polynomial.*|stft|istft|addcdiv|(_foreach_)?div|batch_norm|nn\.functional\.multi_margin_loss|masked\.prod|masked\.normalize"
)


class Case:
    """Draw `number` of a seed: a row, and how to build its arguments for either library."""

    def __init__(self, rows, frame, seed, number):
        self.frame, self.number = frame, number
        self.rng = np.random.default_rng((seed, number))
        self.row = rows[self.rng.integers(len(rows))]
        samples = samples_of(self.row)
        self.sample = samples[self.rng.integers(len(samples))]
        known = self.row.dtypes if self.rng.random() < 0.8 else frame.ALL
        self.dtype = known[self.rng.integers(len(known))]
        self.sizes = self._new_sizes() if self.rng.random() < 0.7 else {}
        self.odd = self.rng.random() < 0.1  # break the relation between shapes
        self.specials = self.rng.random() < 0.25
        self.moved = False
        self.arguments = frame.walk([list(self.sample.args), self.sample.kwargs], self._leaf)

    def _new_sizes(self):
        found = set()
        self.frame.walk(
            [list(self.sample.args), self.sample.kwargs],
            lambda v: found.update(v.shape) if isinstance(v, self.frame.T) else None,
        )
        return {n: int(self.rng.choice(SIZES)) for n in sorted(found) if n > 1 and self.rng.random() < 0.6}

    def _leaf(self, value):
        if isinstance(value, self.frame.T):
            return self._tensor(value)
        if type(value) is int and self.rng.random() < 0.08:
            self.moved = True
            return value + int(self.rng.integers(-2, 3))
        return value

    def _tensor(self, spec):
        shape = spec.shape
        if spec.values is None:
            shape = tuple(self.sizes.get(n, n) for n in shape)
            if np.prod(shape) > 20_000:
                shape = tuple(min(n, 5) for n in shape)
            if self.odd and shape and self.rng.random() < 0.5:
                at = int(self.rng.integers(len(shape)))
                shape = (*shape[:at], int(self.rng.choice(SIZES)), *shape[at + 1 :])
        dtype = spec.dtype or self.dtype
        if spec.dtype is None and self.rng.random() < 0.1:
            dtype = self.frame.ALL[self.rng.integers(len(self.frame.ALL))]
        bounds = {} if np.ceil(spec.low) <= np.floor(spec.high) else {"low": 0, "high": 1}  # an integer must fit
        array = np.array(self.frame.draw(type(spec)(**{**vars(spec), **bounds, "shape": shape}), dtype, self.rng))
        if self.specials and self.frame.kind(dtype) >= 2 and array.size:
            array = array.astype(np.complex128 if self.frame.kind(dtype) == 3 else np.float64)
            array.flat[self.rng.integers(array.size, size=max(1, array.size // 4))] = self.rng.choice(SPECIAL)
        return Tensor(array, dtype, int(self.rng.integers(5)))

    def arrays(self):
        found = []
        self.frame.walk(self.arguments, lambda v: found.append(v) if isinstance(v, Tensor) else None)
        return found

    def has_empty(self):
        """Of no elements; or a number alone, of which torch reduces none."""
        return any(v.array.size == 0 for v in self.arrays()) or (self.arrays() and self.arrays()[0].array.ndim == 0)

    def has_other_dtypes(self):
        """Several dtypes, or one that the row does not have."""
        return any(v.dtype not in self.row.dtypes for v in self.arrays()) or len({v.dtype for v in self.arrays()}) > 1

    def is_odd(self):
        """Whether a draw changed both dtypes and sizes, either of which may be wrong."""
        return self.has_other_dtypes() and bool(self.odd or self.sizes or self.moved)

    def build(self, library):
        """(args, kwargs) of a library."""

        def leaf(value):
            if isinstance(value, Tensor):
                return value.build(library)
            return getattr(library, value[3:]) if isinstance(value, str) and value.startswith("fl.") else value

        return self.frame.walk(self.arguments, leaf)

    def __repr__(self):
        args, kwargs = self.arguments
        parts = [repr(a) for a in args] + [f"{k}={v!r}" for k, v in kwargs.items()]
        return f"{self.row.name}({', '.join(parts)})"


def samples_of(row, known={}):  # noqa: B006 - what is known stays
    """A row's samples, listed once."""
    if row.name not in known:
        known[row.name] = row.list_samples()
    return known[row.name]


class Tensor:
    """Values, dtype and layout: 0, 1 contiguous, 2 gaps, 3 transposed, 4 a repeated dimension."""

    def __init__(self, array, dtype, layout):
        self.array, self.dtype, self.layout = array, dtype, layout

    def build(self, library):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = np.ascontiguousarray(self.array).reshape(self.array.shape)
            t = library.from_numpy(array).to(getattr(library, self.dtype))
        if self.layout == 2 and t.dim():
            wide = library.zeros([2 * n + 1 for n in t.shape], dtype=t.dtype)
            cells = wide[tuple(slice(1, None, 2) for _ in t.shape)]
            return cells.copy_(t)
        if self.layout == 3 and t.dim() > 1:
            return t.transpose(0, -1).contiguous().transpose(0, -1)
        if self.layout == 4 and t.dim() and t.shape[0] > 1:
            return t[:1].expand(t.shape)
        return t

    def __repr__(self):
        values = np.array2string(self.array, threshold=6, precision=4, separator=", ").replace("\n", "")
        return f"<{self.dtype} {list(self.array.shape)} layout {self.layout}: {values[:90]}>"


def function_of(library, name):
    for part in name.split("."):
        library = getattr(library, part)
    return library


def outcome(case, library):
    """The flat outputs as (dtype, shape, array), or the exception."""
    try:
        args, kwargs = case.build(library)
        result = function_of(library, case.row.name)(*args, **kwargs)
    except Exception as error:  # whatever it is, it is compared
        return error
    return [described(v) if hasattr(v, "dtype") else v for v in case.frame.outputs(result)]


def described(t):
    t = t.detach()
    name = str(t.dtype).rpartition(".")[2]
    if name in ("float16", "bfloat16", "complex32"):
        t = t.cfloat() if t.is_complex() else t.float()
    return name, tuple(t.shape), np.array((t.resolve_conj() if t.is_complex() else t).numpy())


def exact(case, torch):
    """torch's values in double precision, or None."""
    saved = {}
    wide = {"float32": "float64", "complex64": "complex128", "float16": "float64", "bfloat16": "float64"}

    def leaf(value):
        if isinstance(value, Tensor) and value.dtype in wide and id(value) not in saved:
            saved[id(value)] = (value, value.dtype, value.array)
            value.array = described(value.build(torch))[2]
            value.dtype = wide[value.dtype]
        return value

    case.frame.walk(case.arguments, leaf)
    found = outcome(case, torch)
    for value, dtype, array in saved.values():
        value.dtype, value.array = dtype, array
    return None if isinstance(found, Exception) else found


def difference(case, ours, theirs, torch):
    """What is not as torch has it, in a few words; None if nothing."""
    failed = isinstance(ours, Exception), isinstance(theirs, Exception)
    if all(failed):
        bases = {kind.__name__.strip("_") for kind in type(ours).__mro__}
        name = type(theirs).__name__.strip("_")
        return None if name in bases else f"{type(ours).__name__}, torch {name}"
    if failed[0]:
        return "we raise"
    if failed[1]:
        return None if isinstance(theirs, NotImplementedError) or "not implemented" in str(theirs) else "torch raises"
    if len(ours) != len(theirs):
        return "number of outputs"
    precise = None
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if not isinstance(a, tuple) or not isinstance(b, tuple):
            continue
        if a[0] != b[0]:
            return f"dtype {a[0]}, torch {b[0]}"
        if a[1] != b[1]:
            return f"shape {a[1]}, torch {b[1]}"
        if close(a[2], b[2], LOOSE.get(a[0], 0)):
            continue
        if a[0] not in LOOSE:
            return "values"
        precise = precise or exact(case, torch)
        if not precise or not as_good(a[2], b[2], precise[i][2], LOOSE[a[0]]):
            return "values"
    return None


def close(a, b, tolerance):
    return bool(np.all(elementwise(a, b, tolerance)))


def elementwise(a, b, tolerance):
    with np.errstate(all="ignore"):
        return np.isclose(a, b, tolerance, tolerance, equal_nan=True)


def as_good(a, b, true, tolerance):
    """Whether a is about as near to the true values as b is."""
    with np.errstate(all="ignore"):
        scale = tolerance * (1 + np.abs(true))
        far = np.abs(a - true) > 4 * np.abs(b - true) + scale
        same = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.isnan(a) & np.isnan(true)) | (a == true)
        return not np.any(far & ~same) and not np.any(np.isnan(a) & ~np.isnan(b) & ~np.isnan(true))


def table(pattern):
    frame = importlib.import_module("tests.frame")
    rows = [r for r in frame.load_rows() if not r.random and re.search(pattern, r.name)]
    return frame, rows


def worker(options):
    """Draws begin, begin + step, ...: one line of JSON for each finding; the place file holds the draw under way."""
    import torch

    import flambeau

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    flambeau.set_num_threads(1)
    frame, rows = table(options.ops)
    rows = [r for r in rows if has(torch, r.name)]
    place = os.open(options.place, os.O_WRONLY | os.O_CREAT)
    for number in range(options.begin, options.draws, options.step):
        case = Case(rows, frame, options.seed, number)
        if options.show:
            print(json.dumps([case.row.name, repr(case)]))
            continue
        os.pwrite(place, b"%12d " % number, 0)
        ours = outcome(case, flambeau)
        os.pwrite(place, b"%12dt" % number, 0)
        theirs = outcome(case, torch)
        found = difference(case, ours, theirs, torch)
        reason = found and intended(case, found, ours, theirs, flambeau)
        if reason:
            print(json.dumps([number, reason]), flush=True)
            found = None
        if found or options.only is not None:
            both = f"ours {shown(ours)}; torch {shown(theirs)}"
            print(json.dumps([number, case.row.name, found or "the same", repr(case), both]), flush=True)


def intended(case, found, ours, theirs, flambeau):
    """Why a difference is meant to be, or None."""
    said = "\n".join(f"{type(x).__name__}: {x}" for x in (ours, theirs) if isinstance(x, Exception))
    for names, kinds, text, reason in INTENDED:
        fits = re.fullmatch(names, case.row.name) and re.search(kinds, found) and re.search(text, said)
        if fits and ("dtypes" not in reason or case.has_other_dtypes()):
            return reason
    if found == "we raise":
        if any(array.size == 0 for _, _, array in (v for v in theirs if isinstance(v, tuple))) or case.has_empty():
            return EMPTY
        return FINITE if "non-finite" in str(ours) or "infs or NaNs" in str(ours) else None
    if ", torch " in found and isinstance(ours, Exception) and isinstance(theirs, Exception):
        return SEVERAL if case.is_odd() else None
    if found != "values":
        return None
    if case.row.check is not None and not isinstance(theirs, Exception):
        return UNDETERMINED if passes(case, ours, flambeau) or not passes(case, theirs, flambeau) else None
    return BROKEN if re.fullmatch(BREAKING, case.row.name) and differ_where_broken(case, ours, theirs) else None


def passes(case, found, flambeau):
    """Whether the row's own check accepts an outcome."""
    made = [flambeau.from_numpy(array).to(getattr(flambeau, dtype)) for dtype, _, array in found]
    args, kwargs = case.build(flambeau)
    try:
        case.row.check(made[0] if len(made) == 1 else tuple(made), *args, **kwargs)
    except Exception:
        return False
    return True


def differ_where_broken(case, ours, theirs):
    """Whether the arguments have numbers out of range, and all that differs is out of range on one side."""
    with np.errstate(all="ignore"):
        if not any(np.any(~(np.abs(v.array) < 1e15)) for v in case.arrays() if v.array.dtype.kind in "fc"):
            return False
        for a, b in zip(ours, theirs, strict=True):
            if case.row.name.startswith(("linalg.", "fft.", "slogdet", "det", "lu", "cholesky", "qr", "svd")):
                continue  # one such number reaches every result
            if a[0] in LOOSE and np.any(
                ~elementwise(a[2], b[2], LOOSE[a[0]]) & (np.abs(a[2]) < 1e15) & (np.abs(b[2]) < 1e15)
            ):
                return False
    return True


def shown(found):
    """An outcome on one line."""
    text = f"{type(found).__name__}: {found}" if isinstance(found, Exception) else str(found)
    return " ".join(text.split())[:200]


def has(library, name):
    try:
        function_of(library, name)
    except AttributeError:
        return False
    return True


class Child:
    """One worker process, started again behind a draw that killed it."""

    def __init__(self, options, index, count):
        self.options, self.index, self.count, self.begin = options, index, count, index
        self.place = Path(f"{options.folder}/place{index}")
        self.start()

    def command(self, *more):
        o = self.options
        line = [sys.executable, __file__, "--worker", "--seed", o.seed, "--ops", o.ops, "--step", self.count, *more]
        return [str(word) for word in line]

    def start(self):
        self.place.unlink(missing_ok=True)
        self.log, errors = open(f"{self.place}.log", "a"), open(f"{self.place}.errors", "w")
        command = self.command("--draws", self.options.draws, "--begin", self.begin, "--place", self.place)
        self.process = subprocess.Popen(command, stdout=self.log, stderr=errors)
        self.stuck = (None, time.monotonic())

    def describe(self, number):
        """Name and arguments of a draw, without making the call."""
        command = self.command("--show", "--begin", number, "--draws", number + 1)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return json.loads(done.stdout)

    def position(self):
        """(draw, whether it is torch's turn)."""
        try:
            text = self.place.read_text()
            return int(text[:12]), text.endswith("t")
        except (OSError, ValueError):
            return self.begin, False

    def check(self):
        """Whether it is still at work; after a crash or a hang it goes on with the next draw."""
        position = self.position()
        if position != self.stuck[0]:
            self.stuck = (position, time.monotonic())
        hangs = self.process.poll() is None and time.monotonic() - self.stuck[1] > 60
        if hangs:
            self.process.kill()
            self.process.wait()
        status = self.process.poll()
        if status is None:
            return True
        self.log.close()
        if status == 0:
            return False
        number, in_torch = self.position()
        if status == 1:
            sys.exit(f"fuzz: the fuzzer fails near draw {number}: {Path(f'{self.place}.errors').read_text()[-2000:]}")
        with open(f"{self.place}.log", "a") as log:
            name, call = self.describe(number)
            what = "hang" if hangs else f"crash {status}"
            print(json.dumps([number, f"torch: {what}"] if in_torch else [number, name, what, call, ""]), file=log)
        self.begin = number + self.count
        if self.begin < self.options.draws:
            self.start()
            return True
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ops", default="", help="regular expression of names")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", type=int, help="one draw, shown in full")
    parser.add_argument("--folder", default=str(ROOT / "build" / "fuzz"))
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--show", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--begin", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--step", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--place", default=os.devnull, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only is not None:
        options.begin, options.draws = options.only, options.only + 1
    if options.worker or options.only is not None:
        return worker(options)
    folder = Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("place*"):
        old.unlink()
    children = [Child(options, i, options.workers) for i in range(options.workers)]
    while children:
        time.sleep(0.5)
        children = [c for c in children if c.check()]
        done = [c.position()[0] for c in children]
        if sys.stderr.isatty():
            print(f"\r{min(done, default=0)} of {options.draws}", end="", file=sys.stderr)
    return report(folder, options)


def report(folder, options):
    lines = [line for p in folder.glob("place*.log") for line in p.read_text().splitlines()]
    findings = [json.loads(line) for line in lines if line.startswith("[")]  # LAPACK prints there too
    meant = collections.Counter(found[1] for found in findings if len(found) == 2)
    findings = [found for found in findings if len(found) > 2]
    groups = collections.defaultdict(list)
    for number, name, what, call, text in sorted(findings):
        groups[name, re.sub(r"\(.*?\)", "", what)].append((number, call, text))
    for (name, what), calls in sorted(groups.items(), key=lambda item: -len(item[1])):
        number, call, text = min(calls, key=lambda c: len(c[1]))
        print(f"{len(calls):5} {name}: {what}\n      draw {number}: {call}\n      {text}")
    for reason, count in meant.most_common():
        print(f"{count:5} intended: {reason}")
    print(f"fuzz: {options.draws} draws, seed {options.seed}: {len(findings)} mismatches in {len(groups)} kinds")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
