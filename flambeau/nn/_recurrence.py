"""The steps of recurrent networks, and running them over sequences."""

import flambeau
from flambeau import _core as _C


def rnn_tanh_step(from_input, state, weights):
    """h' = tanh(W x + b + U h + c); `from_input` is W x + b."""
    (h,) = state
    return (flambeau.tanh(from_input + _linear(h, weights)),)


def rnn_relu_step(from_input, state, weights):
    """h' = max(0, W x + b + U h + c)."""
    (h,) = state
    return (flambeau.relu(from_input + _linear(h, weights)),)


def lstm_step(from_input, state, weights):
    """c' = f c + i g and h' = o tanh(c'), with i, f, o = sigmoid and g = tanh of W x + b + U h + c."""
    h, c = state
    i, f, g, o = (from_input + _linear(h, weights)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if len(weights) < 3 else flambeau.nn.functional.linear(h, weights[2])), c


def gru_step(from_input, state, weights):
    """h' = (1 - z) n + z h, with r, z = sigmoid and n = tanh(W x + b + r (U h + c))."""
    (h,) = state
    input_r, input_z, input_n = from_input.chunk(3, -1)
    hidden_r, hidden_z, hidden_n = _linear(h, weights).chunk(3, -1)
    r = (input_r + hidden_r).sigmoid()
    z = (input_z + hidden_z).sigmoid()
    n = (input_n + r * hidden_n).tanh()
    return (n + z * (h - n),)


STEPS = {"RNN_TANH": rnn_tanh_step, "RNN_RELU": rnn_relu_step, "LSTM": lstm_step, "GRU": gru_step}
MODES = tuple(STEPS)  # the core counts them so
LSTM = 2
_NATIVE = (flambeau.float32, flambeau.float64)


def _linear(h, weights):
    return flambeau.nn.functional.linear(h, weights[0], weights[1])


def run(step, rows, state, weights, reverse):
    """One direction of one layer over sequences of one length: rows (T, N, ...) to (T, N, H), and the last state."""
    outputs = []
    steps = rows.unbind(0)
    for row in reversed(steps) if reverse else steps:
        state = step(row, state, weights)
        outputs.append(state[0])
    if reverse:
        outputs.reverse()
    return flambeau.stack(outputs), state


def run_packed(step, rows, batch_sizes, state, weights, reverse):
    """`run` for packed sequences: rows (sum of batch_sizes, ...), the batch shrinking from step to step."""
    steps = rows.split(batch_sizes)
    return (_backward if reverse else _forward)(step, steps, batch_sizes, state, weights)


def _forward(step, steps, batch_sizes, state, weights):
    outputs, finished = [], []
    for row, size in zip(steps, batch_sizes, strict=False):
        if size < state[0].shape[0]:
            finished.append(tuple(s[size:] for s in state))
            state = tuple(s[:size] for s in state)
        state = step(row, state, weights)
        outputs.append(state[0])
    ends = [state, *reversed(finished)]
    return flambeau.cat(outputs), tuple(flambeau.cat(parts) for parts in zip(*ends, strict=False))


def _backward(step, steps, batch_sizes, first, weights):
    outputs = []
    state = tuple(s[: batch_sizes[-1]] for s in first)
    for row, size in zip(reversed(steps), reversed(batch_sizes), strict=False):
        have = state[0].shape[0]
        if size > have:
            state = tuple(flambeau.cat([s, f[have:size]]) for s, f in zip(state, first, strict=False))
        state = step(row, state, weights)
        outputs.append(state[0])
    outputs.reverse()
    return flambeau.cat(outputs), state


def composed_layer(cell, input, h0, c0, weights, batch_sizes):
    """`_C.recurrent` made of public functions: for derivatives of derivatives, half precision, and weights of vmap."""
    step, outputs, ends = STEPS[MODES[cell]], [], []
    for direction in range(len(weights) // 5):
        w_ih, w_hh, b_ih, b_hh, w_hr = weights[5 * direction : 5 * direction + 5]
        rows = flambeau.nn.functional.linear(input, w_ih, b_ih)
        recurrent = (w_hh, b_hh) if w_hr is None else (w_hh, b_hh, w_hr)
        state = _first_state(cell, input, h0, c0, w_hh, w_hr, direction, batch_sizes)
        if batch_sizes:
            output, state = run_packed(step, rows, list(batch_sizes), state, recurrent, direction == 1)
        else:
            output, state = run(step, rows, state, recurrent, direction == 1)
        outputs.append(output)
        ends.append(state)
    flat = h0 is not None and h0.dim() == 2
    last = ends[0] if flat else [flambeau.stack(parts) for parts in zip(*ends, strict=True)]
    return [outputs[0] if len(outputs) == 1 else flambeau.cat(outputs, -1), *last]


def _first_state(cell, input, h0, c0, w_hh, w_hr, direction, batch_sizes):
    """The state of one direction, zeros where none is given."""
    batch = batch_sizes[0] if batch_sizes else input.shape[1]
    widths = [w_hh.shape[1], (w_hh if w_hr is None else w_hr).shape[1]]
    state = []
    for given, width in zip((h0, c0) if cell == LSTM else (h0,), widths, strict=False):
        if given is None:
            state.append(input.new_zeros((batch, width)))
        else:
            state.append(given if given.dim() == 2 else given[direction])
    return tuple(state)


def gradients(cell, inputs, batch_sizes, gradients, needed):
    """The gradients of what `_C.recurrent` was given, with a graph: those of `composed_layer`.

    Args:
        cell, batch_sizes: as for `_C.recurrent`.
        inputs: input, h0, c0 and the weights.
        gradients: of the outputs, maybe None.
        needed: for each input, whether its gradient is wanted.
    """
    apart = [x if x is None else x.view_as(x) for x in inputs]  # so that none of them is reached through another
    results = composed_layer(cell, *apart[:3], apart[3:], batch_sizes)
    wanted = [x for x, need in zip(apart, needed, strict=True) if need]
    outputs, given = zip(*[pair for pair in zip(results, gradients, strict=True) if pair[1] is not None], strict=True)
    found = iter(flambeau.autograd.grad(outputs, wanted, given, create_graph=True, allow_unused=True))
    return [next(found) if need else None for need in needed]


def is_native(input):
    """Whether the core has the kernel for a dtype. Autocast shows it the tensor as its functions would see it."""
    return input.dtype in _NATIVE


def _alike(state, input):
    """Both for one sample, or for batches of one size."""
    dims = input.dim()
    return state.dim() == dims and (
        state.size(0) == input.size(0) if dims == 2 else state.shape[:-1] == input.shape[:-1]
    )


def run_cell(mode, input, states, weights):
    """One step: the new states, for weights (w_ih, w_hh, b_ih, b_hh) and (N, I), or (I), and states like it."""
    cell, h = MODES.index(mode), states[0]
    if is_native(h) and all(_alike(s, input) for s in states):
        if input.dim() == 1:
            return [s[0] for s in run_cell(mode, input[None], [s[None] for s in states], weights)]
        if input.dim() == 2:
            c = states[1] if cell == LSTM else None
            return _C.recurrent(cell, input, h, c, (*weights, None), (input.size(0),))[1:]
    from_input = flambeau.nn.functional.linear(input, weights[0], weights[2])
    return STEPS[mode](from_input, states, (weights[1], weights[3]))


def run_layers(mode, input, batch_sizes, states, weights, bidirectional, dropout):
    """Runs all layers and directions.

    Args:
        mode: a key of STEPS.
        input: (T, N, I), or packed (sum, I) with batch_sizes.
        batch_sizes: None, or a tuple of ints.
        states: h_0 and, of an LSTM, c_0: (layers * directions, N, H) each, or None for zeros.
        weights: w_ih, w_hh, b_ih, b_hh, w_hr for each layer and direction, one behind the other, the last three possibly None.
        bidirectional: whether there are two directions.
        dropout: probability to drop an element between layers.

    Returns:
        (output, last states).
    """
    cell, ends, sizes = MODES.index(mode), [], batch_sizes or ()
    directions = 2 if bidirectional else 1
    layers = len(weights) // (5 * directions)
    layer_of = _C.recurrent if is_native(input) else composed_layer
    if layers == 1:
        h0, c0 = (None, None) if states is None else (*states, None)[:2]
        input, *last = layer_of(cell, input, h0, c0, weights, sizes)
        return input, tuple(last)
    for layer in range(layers):
        own = [None if s is None else s.narrow(0, layer * directions, directions) for s in states or (None, None)]
        part = weights[layer * 5 * directions : (layer + 1) * 5 * directions]
        input, *last = layer_of(cell, input, *(*own, None)[:2], part, sizes)
        ends.append(last)
        if dropout > 0 and layer < layers - 1:
            input = flambeau.nn.functional.dropout(input, dropout, True)
    return input, tuple(flambeau.cat(parts) for parts in zip(*ends, strict=True))
