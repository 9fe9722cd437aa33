"""Convert checkpoints between PyTorch's .pt format and safetensors. Nothing in a file is executed, and an existing file stays as it is
unless --force is given."""

import os
import pickle
import sys

SUMMARY = "convert a checkpoint: .pt to .safetensors or back"
EXAMPLES = """\
  flambeau convert model.pt model.safetensors
  flambeau convert checkpoint.pt weights.safetensors --key model --dtype bfloat16
  flambeau convert weights.safetensors weights.pt"""


def add_arguments(parser):
    """Options of the command."""
    parser.add_argument("source", help="the file to read: .pt, .pth, .bin, .ckpt or .safetensors")
    parser.add_argument("target", help="the file to write, of the other kind by its name")
    parser.add_argument(
        "--key", help="the entry that has the weights, where the file has more (several levels: model.encoder)"
    )
    parser.add_argument("--dtype", help="convert floating-point tensors, such as to bfloat16")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(options):
    """Read, convert, write."""
    try:
        count, size = convert(options.source, options.target, options.key, options.dtype, options.force)
    except (OSError, ValueError, RuntimeError, LookupError, TypeError, EOFError, pickle.PickleError) as error:
        print(f"flambeau convert: {error}", file=sys.stderr)
        return 1
    print(f"{options.target}: {count} tensors, {size:,} bytes")
    return 0


def convert(source, target, key=None, dtype=None, force=False):
    """Convert a file; returns the number of tensors and the bytes of the new file.

    Raises:
        FileExistsError: the target is there.
        ValueError: the source holds something else than tensors by name, or a name ends in no known way.

    >>> import os, tempfile
    >>> from flambeau.cli.convert import convert
    >>> folder = tempfile.mkdtemp()
    >>> flambeau.save({"weight": flambeau.ones(2)}, f"{folder}/a.pt")
    >>> convert(f"{folder}/a.pt", f"{folder}/a.safetensors")[0]
    1
    """
    import flambeau
    from flambeau.serialization import safetensors

    kinds = [_kind(source), _kind(target)]
    if os.path.exists(target) and not force:
        raise FileExistsError(f"{target} exists: --force replaces it")
    loaded = safetensors.load_file(source) if kinds[0] == "safetensors" else flambeau.load(source, map_location="cpu")
    tensors = _tensors(_entry(loaded, key), source)
    if dtype is not None:
        wanted = getattr(flambeau, dtype, None)
        if not isinstance(wanted, flambeau.dtype):
            raise ValueError(f"no dtype is called {dtype!r}")
        tensors = {name: t.to(wanted) if t.is_floating_point() else t for name, t in tensors.items()}
    if kinds[1] == "safetensors":
        safetensors.save_file(_apart(tensors), target)
    else:
        flambeau.save(tensors, target)
    return len(tensors), os.path.getsize(target)


def _kind(path):
    ending = os.path.splitext(path)[1].lower()
    if ending == ".safetensors":
        return "safetensors"
    if ending in (".pt", ".pth", ".bin", ".ckpt", ".tar"):
        return "pt"
    raise ValueError(f"{path}: expected a name that ends in .pt, .pth, .bin, .ckpt or .safetensors")


def _entry(loaded, key):
    if isinstance(loaded, dict) and key in loaded:
        return loaded[key]
    for part in key.split(".") if key else ():
        if not isinstance(loaded, dict) or part not in loaded:
            there = ", ".join(map(str, loaded)) if isinstance(loaded, dict) else type(loaded).__name__
            raise LookupError(f"no entry {part!r} of --key {key}: there is {there}")
        loaded = loaded[part]
    return loaded


def _tensors(loaded, source):
    import flambeau

    if not isinstance(loaded, dict):
        raise ValueError(f"{source} holds a {type(loaded).__name__}, not tensors by name")
    others = [name for name, value in loaded.items() if not isinstance(value, flambeau.Tensor)]
    if others:
        nested = [name for name in others if isinstance(loaded[name], dict)]
        hint = f"; name the entry with the weights: --key {nested[0]}" if nested else ""
        raise ValueError(f"{source} has entries that are no tensors ({', '.join(map(str, others[:5]))}){hint}")
    return {name: t.detach() for name, t in loaded.items()}


def _apart(tensors):
    """Contiguous tensors, those that share memory copied: safetensors has no sharing."""
    seen, out = set(), {}
    for name, t in tensors.items():
        place = t.untyped_storage().data_ptr()
        out[name] = t.contiguous().clone() if place in seen else t.contiguous()
        seen.add(place)
    return out
