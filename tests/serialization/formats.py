"""Files as other versions and machines wrote them, made from the layout of their formats."""

import collections
import io
import pickle
import struct
import tarfile
import zipfile


class Global:
    """Pickles as the name of something that is not here."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class _Pickler(pickle._Pickler):
    dispatch = dict(pickle._Pickler.dispatch)

    def persistent_id(self, obj):
        return obj.saved if isinstance(obj, Reference) else None

    def _global(self, obj):
        self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())

    dispatch[Global] = _global


class Reference:
    """Pickles as a persistent id."""

    def __init__(self, saved):
        self.saved = saved


class Call:
    """Pickles as a call of a global."""

    def __init__(self, name, *args):
        self.function, self.args = Global(*name.rsplit(".", 1)), args

    def __reduce__(self):
        return _unused, ()


def _save_call(pickler, obj):
    pickler.save(obj.function)
    pickler.save(tuple(obj.args))
    pickler.write(pickle.REDUCE)


def _unused():
    raise AssertionError


_Pickler.dispatch[Call] = _save_call


def pickled(obj, protocol=2):
    """A pickle with names and references that mean nothing here."""
    file = io.BytesIO()
    _Pickler(file, protocol).dump(obj)
    return file.getvalue()


def tensor(storage, offset, size, stride):
    """A tensor as files describe it."""
    return Call("torch._utils._rebuild_tensor_v2", storage, offset, size, stride, False, collections.OrderedDict())


def stored(kind, key, count, *more):
    """A reference to a storage."""
    module = "torch.storage" if kind == "UntypedStorage" else "torch"
    return Reference(("storage", Global(module, kind), key, "cpu", count, *more))


def archive(obj, records=(), name="archive", byteorder=None, method=zipfile.ZIP_STORED, protocol=2):
    """A zip archive, as torch has written them since 1.6."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as out:
        out.writestr(f"{name}/data.pkl", pickled(obj, protocol))
        if byteorder is not None:
            out.writestr(f"{name}/byteorder", byteorder)
        for key, content in dict(records).items():
            out.writestr(f"{name}/data/{key}", content)
        out.writestr(f"{name}/version", "3\n")
    return file.getvalue()


def stream(obj, storages, protocol=2):
    """Pickles one after the other, then storages: torch 0.1.10 to 1.5. Storages: {key: (number of elements, bytes)}."""
    parts = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}]
    data = b"".join(pickle.dumps(part, protocol) for part in parts)
    data += pickled(obj, protocol) + pickle.dumps(sorted(storages), protocol)
    for key in sorted(storages):
        count, content = storages[key]
        data += struct.pack("<q", count) + content
    return data


def tar(obj, storages, tensors, views=()):
    """The format before torch 0.1.10.

    Storages: (key, class, number of elements, bytes); tensors: (key, storage, offset, size, stride).
    """
    parts = {"storages": pickle.dumps(len(storages), 2), "tensors": pickle.dumps(len(tensors), 2)}
    for key, kind, count, content in storages:
        parts["storages"] += pickled((key, "cpu", Global("torch", kind))) + struct.pack("<q", count) + content
    parts["storages"] += pickle.dumps(list(views), 2)
    for key, storage, offset, size, stride in tensors:
        parts["tensors"] += pickled((key, storage, Global("torch", "FloatTensor"))) + struct.pack("<ii", len(size), 0)
        parts["tensors"] += struct.pack(f"<{2 * len(size) + 1}q", *size, *stride, offset)
    parts["pickle"] = pickled(obj)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT) as out:
        for name, content in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))
    return file.getvalue()
