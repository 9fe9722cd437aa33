"""Recurrent networks."""

import math
import numbers
import warnings

import flambeau
from flambeau import Tensor
from flambeau.nn import _recurrence, init
from flambeau.nn.parameter import Parameter
from flambeau.nn.utils.rnn import PackedSequence

from .module import Module

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def apply_permutation(tensor, permutation, dim=1):
    """The tensor with the entries of a dimension in another order."""
    return tensor.index_select(dim, permutation)


class RNNBase(Module):
    """What RNN, LSTM and GRU share: arguments, weights, checks, and the forward over sequences.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size: see `LSTM`.

    Example::

        >>> flambeau.nn.RNNBase("GRU", 10, 20).weight_ih_l0.shape
        torch.Size([60, 10])
        >>> isinstance(flambeau.nn.GRU(10, 20), flambeau.nn.RNNBase)
        True
    """

    def __init__(
        self,
        mode,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        proj_size=0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        _check_sizes(mode, hidden_size, num_layers, dropout, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights = []
        for layer in range(num_layers):
            for direction in range(2 if bidirectional else 1):
                self._make_weights(layer, direction, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def _make_weights(self, layer, direction, where):
        rows = _GATES[self.mode] * self.hidden_size
        outputs = self.proj_size or self.hidden_size
        inputs = self.input_size if layer == 0 else outputs * (2 if self.bidirectional else 1)
        suffix = f"_l{layer}" + ("_reverse" if direction else "")
        shapes = {"weight_ih": (rows, inputs), "weight_hh": (rows, outputs)}
        if self.bias:
            shapes.update(bias_ih=(rows,), bias_hh=(rows,))
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        for name, shape in shapes.items():
            setattr(self, name + suffix, Parameter(flambeau.empty(shape, **where)))
        self._all_weights.append([name + suffix for name in shapes])

    def reset_parameters(self):
        """Draws all weights from U(-k, k) with k = 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self):
        """Does nothing: the weights need no special layout."""

    @property
    def all_weights(self):
        """The weights, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self):
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self):
        return [getattr(self, name) for name in self._flat_weights_names]

    def check_input(self, input, batch_sizes):
        """Checks dtype, dimensions and last size of an input."""
        weight = getattr(self, self._all_weights[0][0])
        if input.dtype != weight.dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        wanted = 2 if batch_sizes is not None else 3
        if input.dim() != wanted:
            raise RuntimeError(f"input must have {wanted} dimensions, got {input.dim()}")
        if self.input_size != input.shape[-1]:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def get_expected_hidden_size(self, input, batch_sizes):
        """The shape of h_0 for an input."""
        return self._state_shape(input, batch_sizes, self.proj_size or self.hidden_size)

    def _state_shape(self, input, batch_sizes, size):
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.shape[0 if self.batch_first else 1]
        return (self.num_layers * (2 if self.bidirectional else 1), batch, size)

    def check_hidden_size(self, hx, expected_hidden_size, msg="Expected hidden size {}, got {}"):
        """Checks the shape of a state."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(tuple(expected_hidden_size), list(hx.shape)))

    def check_forward_args(self, input, hidden, batch_sizes):
        """Checks input and state."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx, permutation):
        """The state with the batch in another order."""
        return hx if permutation is None else apply_permutation(hx, permutation)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("proj_size", 0)
        for name in ("_flat_weights", "_flat_weights_names", "_flat_weight_refs"):  # states that other versions wrote
            self.__dict__.pop(name, None)

    def _weights(self):
        """w_ih, w_hh, b_ih, b_hh, w_hr for each layer and direction, None for what is not there."""
        own, result = self.__dict__, []
        for names in self._all_weights:
            tensors = [own[n] if n in own else getattr(self, n) for n in names]
            projection = tensors.pop() if self.proj_size else None
            result += (*tensors, projection) if self.bias else (*tensors, None, None, projection)
        return result

    def forward(self, input, hx=None):
        packed = isinstance(input, PackedSequence)
        if packed:
            data, batch_sizes, sorted_indices, unsorted_indices = input
            single = False
        else:
            data, hx, single = self._batched(input, hx)
            batch_sizes = sorted_indices = unsorted_indices = None
        given = self._first_state(data, hx, batch_sizes, sorted_indices)
        sequence_first = self.batch_first and not packed
        output, last = _recurrence.run_layers(
            self.mode,
            data.transpose(0, 1) if sequence_first else data,
            None if batch_sizes is None else tuple(batch_sizes.tolist()),
            given,
            self._weights(),
            self.bidirectional,
            self.dropout if self.training else 0.0,
        )
        if packed:
            output = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
        elif sequence_first:
            output = output.transpose(0, 1)
        if single:
            output, last = output.squeeze(0 if self.batch_first else 1), tuple(s.squeeze(1) for s in last)
        elif unsorted_indices is not None:
            last = tuple(apply_permutation(s, unsorted_indices) for s in last)
        return output, (last if self.mode == "LSTM" else last[0])

    def _batched(self, input, hx):
        """(input with a batch dimension, state with one, whether they had none)."""
        name = type(self).__name__
        if input.dim() not in (2, 3):
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}D instead")
        single = input.dim() == 2
        states = () if hx is None else hx if self.mode == "LSTM" else (hx,)
        if hx is not None:
            _check_state_dims(states, single, self.mode == "LSTM")
        if single:
            input = input.unsqueeze(0 if self.batch_first else 1)
            states = tuple(s.unsqueeze(1) for s in states)
        if hx is None:
            return input, None, single
        return input, (states if self.mode == "LSTM" else states[0]), single

    def _first_state(self, data, hx, batch_sizes, sorted_indices):
        """The first states given, as a tuple, checked and sorted; None for zeros."""
        if hx is None:
            self.check_input(data, batch_sizes)
            return None
        hx = self.permute_hidden(hx, sorted_indices)
        self.check_forward_args(data, hx, batch_sizes)
        return tuple(hx) if self.mode == "LSTM" else (hx,)


def _check_sizes(mode, hidden_size, num_layers, dropout, proj_size):
    if not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1 or isinstance(dropout, bool):
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
    if not isinstance(hidden_size, int):
        raise TypeError(f"hidden_size should be of type int, got: {type(hidden_size).__name__}")
    if hidden_size <= 0:
        raise ValueError("hidden_size must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")
    if mode not in _GATES:
        raise ValueError("Unrecognized RNN mode: " + mode)


def _check_state_dims(states, single, is_lstm):
    for state in states:
        if state.dim() == (2 if single else 3):
            continue
        if is_lstm:
            dims = f"({states[0].dim()}-D, {states[1].dim()}-D)"
            kind = "batched 3-D" if not single else "unbatched 2-D"
            wanted = 3 if not single else 2
            raise RuntimeError(f"For {kind} input, hx and cx should also be {wanted}-D but got {dims} tensors")
        kind = "unbatched 2-D" if single else "batched 3-D"
        raise RuntimeError(f"For {kind} input, hx should also be {2 if single else 3}-D but got {state.dim()}-D tensor")


class RNN(RNNBase):
    """h_t = tanh(W x_t + b + U h_(t-1) + c), layer after layer.

    Args:
        input_size, hidden_size: sizes of x and h.
        num_layers: number of layers.
        nonlinearity: "tanh" or "relu".
        bias: whether to have b and c.
        batch_first: (N, T, I) instead of (T, N, I).
        dropout: probability to drop an element between layers, in training.
        bidirectional: also run from the end; the outputs are joined.

    Shape:
        input (T, N, I), (T, I) or a PackedSequence, h_0 (layers * directions, N, H);
        output (T, N, directions * H) and h_n like h_0.

    Example::

        >>> output, h_n = flambeau.nn.RNN(10, 20, 2)(flambeau.ones(5, 3, 10))
        >>> output.shape, h_n.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            self_nonlinearity, args = args[3], (*args[:3], *args[4:])
        else:
            self_nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self_nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{self_nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__("RNN_TANH" if self_nonlinearity == "tanh" else "RNN_RELU", *args, **kwargs)
        self.nonlinearity = self_nonlinearity


class LSTM(RNNBase):
    """c_t = f c_(t-1) + i g and h_t = o tanh(c_t), with gates i, f, o and g of x_t and h_(t-1) (Hochreiter 1997).

    Args:
        input_size, hidden_size: sizes of x and h.
        num_layers: number of layers.
        bias: whether to have biases.
        batch_first: (N, T, I) instead of (T, N, I).
        dropout: probability to drop an element between layers, in training.
        bidirectional: also run from the end; the outputs are joined.
        proj_size: if larger than 0, h is projected to this size.

    Shape:
        input (T, N, I), (T, I) or a PackedSequence, (h_0, c_0) of (layers * directions, N, H);
        output (T, N, directions * H) and (h_n, c_n). Weights weight_ih_l0 (4 H, I), weight_hh_l0 (4 H, H) ...

    Example::

        >>> output, (h_n, c_n) = flambeau.nn.LSTM(10, 20, 2)(flambeau.ones(5, 3, 10))
        >>> output.shape, c_n.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args, **kwargs):
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input, batch_sizes):
        """The shape of c_0 for an input."""
        return self._state_shape(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input, hidden, batch_sizes):
        self.check_input(input, batch_sizes)
        h_shape = self.get_expected_hidden_size(input, batch_sizes)
        self.check_hidden_size(hidden[0], h_shape, "Expected hidden[0] size {}, got {}")
        c_shape = self.get_expected_cell_size(input, batch_sizes)
        self.check_hidden_size(hidden[1], c_shape, "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx, permutation):
        if permutation is None:
            return hx
        return apply_permutation(hx[0], permutation), apply_permutation(hx[1], permutation)


class GRU(RNNBase):
    """h_t = (1 - z) n + z h_(t-1), with gates r, z and n of x_t and h_(t-1) (Cho et al., 2014).

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: see `LSTM`.

    Shape:
        input (T, N, I), (T, I) or a PackedSequence, h_0 (layers * directions, N, H);
        output (T, N, directions * H) and h_n like h_0.

    Example::

        >>> output, h_n = flambeau.nn.GRU(10, 20, 2)(flambeau.ones(5, 3, 10))
        >>> output.shape, h_n.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class RNNCellBase(Module):
    """What the cells share: weights, checks, printing.

    Args:
        input_size, hidden_size, bias: see `LSTMCell`.
        num_chunks: number of gates.

    Example::

        >>> class Sum(flambeau.nn.RNNCellBase):
        ...     def forward(self, x, h):
        ...         return x @ self.weight_ih.T + h @ self.weight_hh.T
        >>> cell = Sum(10, 20, bias=False, num_chunks=1)
        >>> cell, cell(flambeau.ones(3, 10), flambeau.zeros(3, 20)).shape
        (Sum(10, 20, bias=False), torch.Size([3, 20]))
    """

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        where = {"device": device, "dtype": dtype}
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(flambeau.empty((rows, input_size), **where))
        self.weight_hh = Parameter(flambeau.empty((rows, hidden_size), **where))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(flambeau.empty(rows, **where)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draws all weights from U(-k, k) with k = 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _step(self, mode, input, state):
        """One step on a batch or on a single sample; state is a tuple or None."""
        if input.dim() not in (1, 2):
            raise ValueError(f"{type(self).__name__}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        if input.size(-1) != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {input.shape[-1]} expected {self.input_size}")
        if state is None:
            zeros = flambeau.zeros((*input.shape[:-1], self.hidden_size), dtype=input.dtype, device=input.device)
            state = (zeros, zeros) if mode == "LSTM" else (zeros,)
        else:
            _check_cell_state(self, input, state)
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return _recurrence.run_cell(mode, input, state, weights)


def _check_cell_state(cell, input, state):
    for i, tensor in enumerate(state):
        shape = tensor.shape
        if len(shape) not in (1, 2):
            raise ValueError(f"{type(cell).__name__}: Expected hidden to be 1D or 2D, got {tensor.dim()}D instead")
        if len(shape) == 2 and input.dim() == 2 and shape[0] != input.size(0):
            raise RuntimeError(f"Input batch size {input.shape[0]} doesn't match hidden{i} batch size {shape[0]}")
        if shape[-1] != cell.hidden_size:
            raise RuntimeError(f"hidden{i} has inconsistent hidden_size: got {shape[-1]}, expected {cell.hidden_size}")


_PLAIN = {"tanh": "RNN_TANH", "relu": "RNN_RELU"}


class RNNCell(RNNCellBase):
    """h' = tanh(W x + b + U h + c), one step.

    Args:
        input_size, hidden_size: sizes of x and h.
        bias: whether to have b and c.
        nonlinearity: "tanh" or "relu".

    Shape:
        x (N, I) or (I), h (N, H) or (H), zeros if left out, to h'.

    Example::

        >>> flambeau.nn.RNNCell(10, 20)(flambeau.ones(3, 10)).shape
        torch.Size([3, 20])
    """

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        if self.nonlinearity not in _PLAIN:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(_PLAIN[self.nonlinearity], input, None if hx is None else (hx,))[0]


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`.

    Args:
        input_size, hidden_size: sizes of x and h.
        bias: whether to have biases.

    Shape:
        x (N, I) or (I), (h, c) of (N, H) or (H), zeros if left out, to (h', c').

    Example::

        >>> h, c = flambeau.nn.LSTMCell(10, 20)(flambeau.ones(3, 10))
        >>> h.shape, c.shape
        (torch.Size([3, 20]), torch.Size([3, 20]))
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        if isinstance(hx, Tensor):
            raise TypeError("[LSTMCell] hx must be a tuple of two tensors (h, c), not a Tensor")
        return tuple(self._step("LSTM", input, hx))


class GRUCell(RNNCellBase):
    """One step of a `GRU`.

    Args:
        input_size, hidden_size: sizes of x and h.
        bias: whether to have biases.

    Shape:
        x (N, I) or (I), h (N, H) or (H), zeros if left out, to h'.

    Example::

        >>> flambeau.nn.GRUCell(10, 20)(flambeau.ones(3, 10)).shape
        torch.Size([3, 20])
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        return self._step("GRU", input, None if hx is None else (hx,))[0]
