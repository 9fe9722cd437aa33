"""The steps of recurrent networks, and running them over sequences."""

import flambeau


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


def run_layers(mode, input, batch_sizes, states, weights, bidirectional, dropout):
    """Runs all layers and directions.

    Args:
        mode: a key of STEPS.
        input: (T, N, I), or packed (sum, I) with batch_sizes.
        batch_sizes: None, or a list of ints.
        states: for each layer and direction, a tuple of (N, H) tensors.
        weights: for each layer and direction, [w_ih, w_hh, b_ih, b_hh, w_hr], the last three possibly None.
        bidirectional: whether there are two directions.
        dropout: probability to drop an element between layers.

    Returns:
        (output, last states, in the order of states).
    """
    step, ends = STEPS[mode], []
    directions = 2 if bidirectional else 1
    layers = len(weights) // directions
    linear = flambeau.nn.functional.linear
    for layer in range(layers):
        outputs = []
        for direction in range(directions):
            place = layer * directions + direction
            w_ih, w_hh, b_ih, b_hh, w_hr = weights[place]
            rows = linear(input, w_ih, b_ih)
            recurrent = (w_hh, b_hh) if w_hr is None else (w_hh, b_hh, w_hr)
            if batch_sizes is None:
                output, state = run(step, rows, states[place], recurrent, direction == 1)
            else:
                output, state = run_packed(step, rows, batch_sizes, states[place], recurrent, direction == 1)
            outputs.append(output)
            ends.append(state)
        input = outputs[0] if directions == 1 else flambeau.cat(outputs, -1)
        if dropout > 0 and layer < layers - 1:
            input = flambeau.nn.functional.dropout(input, dropout, True)
    return input, ends
