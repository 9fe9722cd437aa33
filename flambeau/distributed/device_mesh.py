"""Processes as a grid."""

__all__ = ["DeviceMesh", "init_device_mesh"]


class DeviceMesh:
    """Processes as a grid: a group for each of its dimensions.

    Args:
        device_type: "cpu".
        mesh: the ranks, as nested lists or a tensor.
        mesh_dim_names: names of the dimensions.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.DeviceMesh("cpu", [0]).get_group().size()
    1
    >>> flambeau.distributed.destroy_process_group()
    """

    def __init__(self, device_type, mesh, *, mesh_dim_names=None, _init_backend=True, **options):
        import flambeau

        from . import get_rank, new_group

        if device_type != "cpu":
            raise RuntimeError(f"[DeviceMesh] device_type must be 'cpu', got {device_type!r}")
        self.device_type = device_type
        self.mesh = mesh.clone() if isinstance(mesh, flambeau.Tensor) else flambeau.tensor(mesh, dtype=flambeau.int)
        self.mesh_dim_names = tuple(mesh_dim_names) if mesh_dim_names else None
        self._groups = []
        rank = get_rank()
        for dim in range(self.mesh.dim()):
            lines = self.mesh.movedim(dim, -1).reshape(-1, self.mesh.size(dim)).tolist()
            made = [(line, new_group(line)) for line in lines]
            self._groups.append(next((g for line, g in made if rank in line), None))

    def __repr__(self):
        return f"DeviceMesh({self.device_type!r}, {self.mesh.tolist()}, mesh_dim_names={self.mesh_dim_names})"

    @property
    def ndim(self):
        """How many dimensions the grid has."""
        return self.mesh.dim()

    @property
    def shape(self):
        """The sizes of the grid."""
        return tuple(self.mesh.shape)

    def size(self, mesh_dim=None):
        """How many processes there are, or along a dimension."""
        return self.mesh.numel() if mesh_dim is None else self.mesh.size(mesh_dim)

    def _place(self, mesh_dim):
        if isinstance(mesh_dim, str):
            if mesh_dim not in (self.mesh_dim_names or ()):
                raise KeyError(f"[DeviceMesh] there is no dimension {mesh_dim!r}: {self.mesh_dim_names}")
            return self.mesh_dim_names.index(mesh_dim)
        if mesh_dim is None:
            if self.mesh.dim() != 1:
                raise RuntimeError(f"[DeviceMesh] mesh_dim must be given: the mesh has {self.mesh.dim()} dimensions")
            return 0
        return mesh_dim

    def get_group(self, mesh_dim=None):
        """The group of this process along a dimension."""
        return self._groups[self._place(mesh_dim)]

    def get_all_groups(self):
        """The groups of this process along all dimensions."""
        return list(self._groups)

    def get_local_rank(self, mesh_dim=None):
        """The place of this process along a dimension."""
        from . import get_rank

        return get_rank(self.get_group(mesh_dim))

    def get_rank(self):
        """The number of this process among all."""
        from . import get_rank

        return get_rank()

    def get_coordinate(self):
        """The place of this process in the grid, or None."""
        from . import get_rank

        found = (self.mesh == get_rank()).nonzero()
        return found[0].tolist() if len(found) else None

    def __getitem__(self, mesh_dim_names):
        names = (mesh_dim_names,) if isinstance(mesh_dim_names, str) else tuple(mesh_dim_names)
        places = [self._place(name) for name in names]
        made = object.__new__(DeviceMesh)
        coordinate = self.get_coordinate()
        index = tuple(slice(None) if dim in places else coordinate[dim] for dim in range(self.ndim))
        made.device_type, made.mesh, made.mesh_dim_names = self.device_type, self.mesh[index], names
        made._groups = [self._groups[place] for place in places]
        return made


def init_device_mesh(device_type, mesh_shape, *, mesh_dim_names=None, **options):
    """A grid of all processes, in the order of their ranks.

    Args:
        device_type: "cpu".
        mesh_shape: the sizes of the grid.
        mesh_dim_names: names of its dimensions.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.init_device_mesh("cpu", (1,), mesh_dim_names=("data",))
    DeviceMesh('cpu', [0], mesh_dim_names=('data',))
    >>> flambeau.distributed.destroy_process_group()
    """
    import math

    import flambeau

    from . import get_world_size, init_process_group, is_initialized

    if not is_initialized():
        init_process_group("gloo")
    if math.prod(mesh_shape) != get_world_size():
        raise RuntimeError(
            f"Mesh should not be bigger than default world size {get_world_size()}, but found {math.prod(mesh_shape)}!"
        )
    ranks = flambeau.arange(math.prod(mesh_shape), dtype=flambeau.int).view(mesh_shape)
    return DeviceMesh(device_type, ranks, mesh_dim_names=mesh_dim_names)
