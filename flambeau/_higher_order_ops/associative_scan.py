"""torch._higher_order_ops.associative_scan."""


def associative_scan(combine_fn, xs, dim, reverse=False, combine_mode="pointwise"):
    """Running results along a dimension of an associative function of two slices."""
    from .. import stack
    from ..utils._pytree import tree_flatten, tree_unflatten

    leaves, spec = tree_flatten(xs)
    slices = [leaf.unbind(dim) for leaf in leaves]
    order = range(len(slices[0]))
    steps = [tree_unflatten([s[i] for s in slices], spec) for i in (reversed(order) if reverse else order)]
    made = steps[:1]
    for step in steps[1:]:
        made.append(combine_fn(made[-1], step))
    if reverse:
        made.reverse()
    columns = zip(*[tree_flatten(one)[0] for one in made])
    return tree_unflatten([stack(column, dim) for column in columns], spec)
