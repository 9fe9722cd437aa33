"""nn.utils.rnn and nn.utils.clip_grad: packing, padding, norms."""

import importlib

from . import outcome


def rnn(lib):
    return importlib.import_module(f"{lib.__name__}.nn.utils.rnn")


def fields(packed):
    return [packed.data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices]


def case_pack(lib):
    r, results = rnn(lib), []
    x = lib.arange(24.0).reshape(4, 3, 2)
    for batch_first in (False, True):
        for lengths in (
            [3, 2, 1],
            [1, 3, 2],
            [4, 4, 4],
            [4, 1, 1, 1],
            [0, 1, 2],
            [5, 1, 1],
            [2, 2],
            lib.tensor([3, 1, 2]),
            lib.tensor([3.0, 1.0, 2.0]),
            3,
        ):
            for enforce in (True, False):

                def run():
                    packed = r.pack_padded_sequence(x, lengths, batch_first, enforce)
                    back = r.pad_packed_sequence(
                        packed, batch_first=not batch_first, padding_value=-1.0, total_length=5
                    )
                    return [
                        fields(packed),
                        list(back),
                        outcome(r.pad_packed_sequence, packed, total_length=2),
                        [list(r.unpack_sequence(packed))],
                    ]

                results.append(outcome(run))
    return results


def case_pad(lib):
    r, results = rnn(lib), []
    for shapes in ([(3, 2), (1, 2), (2, 2)], [(3,), (1,)], [(2, 2)], [], [(3, 2), (1, 3)], [(), ()]):
        parts = [lib.arange(1.0 * lib.ones(s).numel()).reshape(s) for s in shapes]
        for kwargs in (
            {},
            {"batch_first": True},
            {"padding_value": 7.0},
            {"padding_side": "left"},
            {"padding_side": "x"},
        ):
            results.append(outcome(r.pad_sequence, parts, **kwargs))
        results += [
            outcome(lambda: fields(r.pack_sequence(parts))),
            outcome(lambda: fields(r.pack_sequence(parts, enforce_sorted=False))),
        ]
    results += [
        outcome(r.pad_sequence, 3),
        outcome(r.pad_sequence, lib.ones(2, 3)),
        outcome(lambda: r.unpad_sequence(lib.ones(3, 2), lib.tensor([1, 3]))),
    ]
    results += [outcome(lambda: r.unpad_sequence(lib.ones(2, 3), lib.tensor([1, 3]), batch_first=True))]
    return results


def case_packed_sequences(lib):
    r = rnn(lib)
    packed = r.pack_sequence([lib.ones(3), lib.ones(1)])
    return [
        fields(packed.double()), fields(packed.to(lib.float64)), packed.is_cuda, packed.is_pinned(), fields(packed.int()), str(packed.half().data.dtype)[6:], packed.to("cpu") is packed,
        outcome(lambda: fields(r.PackedSequence(lib.ones(3)))), outcome(lambda: fields(r.PackedSequence(lib.ones(3), lib.tensor([2, 1])))), r.invert_permutation(lib.tensor([2, 0, 1])),
        outcome(r.invert_permutation, None), len(packed), isinstance(packed, tuple), type(packed)._fields, outcome(lambda: fields(r.PackedSequence((lib.ones(3), lib.tensor([2, 1]))))),
    ]  # fmt: skip


def case_gradients_through_packing(lib):
    r = rnn(lib)
    x = lib.arange(12.0).reshape(3, 2, 2).requires_grad_()
    packed = r.pack_padded_sequence(x, [2, 3], enforce_sorted=False)
    padded, _ = r.pad_packed_sequence(packed)
    (packed.data * lib.arange(10.0).reshape(5, 2)).sum().backward(retain_graph=True)
    first = x.grad.clone()
    padded.square().sum().backward()
    return [first, x.grad]


def case_clip(lib):
    nn, results = lib.nn, []

    def made(kind="plain"):
        parameters = [nn.Parameter(lib.ones(3)), nn.Parameter(lib.ones(2, 2)), nn.Parameter(lib.ones(1))]
        parameters[0].grad = lib.tensor([3.0, -4.0, 0.5])
        parameters[1].grad = lib.tensor([[1.0, float(kind) if kind in ("nan", "inf") else 2.0], [-5.0, 0.1]])
        return parameters

    for kind in ("plain", "nan", "inf"):
        for norm in (2, 1, 0, float("inf"), -1.0, "2", 3.5):
            for finite in (False, True):

                def run():
                    parameters = made(kind)
                    total = nn.utils.clip_grad_norm_(parameters, 1.5, norm, error_if_nonfinite=finite)
                    return [total, [p.grad for p in parameters]]

                results.append(outcome(run))
        results.append(outcome(lambda: [(p := made(kind)), nn.utils.clip_grad_value_(p, 0.7), [q.grad for q in p]][2]))
    results += [
        outcome(lambda: nn.utils.clip_grad_norm_([], 1.0)), outcome(lambda: nn.utils.clip_grad_norm_(made()[0], 1.0)), outcome(lambda: nn.utils.clip_grad_norm_((p for p in made()), 100.0)),
        outcome(lambda: nn.utils.get_total_norm([lib.ones(2), lib.ones(3)], 1.0)), outcome(lambda: nn.utils.get_total_norm([])), outcome(lambda: nn.utils.get_total_norm(lib.ones(4))),
        outcome(lambda: [(p := made()), nn.utils.clip_grads_with_norm_(p, 1.0, lib.tensor(4.0)), [q.grad for q in p]][2]), outcome(lambda: nn.utils.clip_grad_norm_(made(), -1.0)),
        outcome(lambda: nn.utils.clip_grad_norm_(made(), lib.tensor(1.5))), outcome(lambda: nn.utils.clip_grad_norm_(3, 1.0)), outcome(lambda: nn.utils.clip_grad_value_(made(), -1.0)),
    ]  # fmt: skip
    return results
