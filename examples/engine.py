"""A deep-learning engine from scratch, in 300 lines that run: tensors with gradients, layers and optimizers on NumPy.

    python examples/engine.py                   about 15 seconds on two cores
    python examples/engine.py --quick           20 steps, to see that all is in place

It does in small what flambeau does and is checked against it: both train a network on handwritten digits, from the same start
with the same batches. Losses and gradients agree to thirteen digits at every step; 92 % of the test digits are right at the end.
docs/engine.md walks through this file and says where flambeau does the same. Writes runs/engine/losses.csv.
"""

import argparse
import contextlib
import heapq
import itertools
from pathlib import Path

import numpy as np
from data import RUNS, digits
from tqdm import tqdm

import flambeau

# ---- the graph


class Node:
    """One recorded step of a computation: for each input that needs it, where its gradient goes and how to get it."""

    numbers = itertools.count()
    recording = True

    def __init__(self, name, edges=(), variable=None):
        self.name = name
        self.edges = edges  # [(node, shape, derivative)] of the inputs; None once a backward pass has used them up
        self.variable = variable  # of a leaf: the tensor that gets the gradient
        self.number = next(self.numbers)


@contextlib.contextmanager
def grad_mode(on):
    """Within it, operations are recorded or not."""
    before, Node.recording = Node.recording, on
    try:
        yield
    finally:
        Node.recording = before


def record(name, data, *inputs):
    """The funnel: every operation ends here, with (input, derivative) for each input. Nothing else builds graphs."""
    out = Tensor(data)
    edges = [(t.node, t.shape, derivative) for t, derivative in inputs if t.node is not None]
    if Node.recording and edges:
        out.node = Node(name, edges)
    return out


# ---- tensors and their operations: the value, and beside it the derivative by each input, written with operations


class Tensor:
    """An array of doubles that knows how it was made."""

    __array_ufunc__ = None  # NumPy leaves `array + tensor` to the tensor

    def __init__(self, data, requires_grad=False):
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = None
        self.node = Node("leaf", variable=self) if requires_grad else None

    def __repr__(self):
        return f"Tensor({self.data.tolist()}{f', made by {self.node.name}' if self.node else ''})"

    def __add__(self, other):
        other = tensor(other)
        return record("add", self.data + other.data, (self, lambda g: g), (other, lambda g: g))

    def __mul__(self, other):
        other = tensor(other)
        return record("mul", self.data * other.data, (self, lambda g: g * other), (other, lambda g: g * self))

    def __pow__(self, exponent):
        return record("pow", self.data**exponent, (self, lambda g: g * (exponent * self ** (exponent - 1))))

    def exp(self):
        out = record("exp", np.exp(self.data), (self, lambda g: g * out))
        return out

    def log(self):
        return record("log", np.log(self.data), (self, lambda g: g / self))

    def relu(self):
        return record("relu", np.maximum(self.data, 0), (self, lambda g: g * (self.data > 0)))

    def __matmul__(self, other):
        return record("matmul", self.data @ other.data, (self, lambda g: g @ other.T), (other, lambda g: self.T @ g))

    @property
    def T(self):
        return record("transpose", self.data.T, (self, lambda g: g.T))

    def reshape(self, *shape):
        return record("reshape", self.data.reshape(shape), (self, lambda g: g.reshape(*self.shape)))

    def sum(self, dim=None, keepdim=False):
        kept = self.data.sum(dim, keepdims=True)
        data = kept if keepdim else self.data.sum(dim)
        return record("sum", data, (self, lambda g: g.reshape(*kept.shape).expand(*self.shape)))

    def expand(self, *shape):
        return record("expand", np.broadcast_to(self.data, shape), (self, lambda g: g))  # the backward pass sums it

    def __getitem__(self, index):
        return record("take", self.data[index], (self, lambda g: g.put(index, self.shape)))

    def put(self, index, shape):
        data = np.zeros(shape)
        np.add.at(data, index, self.data)  # an element that was taken twice gets both
        return record("put", data, (self, lambda g: g[index]))

    # What follows is composed of these.
    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -tensor(other)

    def __truediv__(self, other):
        return self * tensor(other) ** -1.0

    def log_softmax(self):
        shifted = self - self.data.max(-1, keepdims=True)  # the largest is 0: exp cannot overflow
        return shifted - shifted.exp().sum(-1, keepdim=True).log()

    def backward(self):
        """Adds the gradients of this tensor to the .grad of its leaves."""
        for leaf, gradient in gradients(self).items():
            leaf.grad = gradient if leaf.grad is None else leaf.grad + gradient

    def item(self):
        return self.data.item()

    shape = property(lambda self: self.data.shape)


def tensor(value):
    return value if isinstance(value, Tensor) else Tensor(value)


def cross_entropy(scores, labels):
    return scores.log_softmax()[np.arange(len(labels)), labels].sum() * (-1 / len(labels))


# ---- the backward pass


def gradients(root, create_graph=False):
    """{leaf: gradient of root}, by one heap: a node runs when all that were made after it have run."""
    waiting = {root.node: Tensor(np.ones(root.shape))}
    heap = [(-root.node.number, root.node)]
    found = {}
    with grad_mode(create_graph):
        while heap:
            _, node = heapq.heappop(heap)
            gradient = waiting.pop(node)
            if node.variable is not None:
                found[node.variable] = gradient
                continue
            if node.edges is None:
                raise RuntimeError(f"[{node.name}] a backward pass has used up this graph: compute the loss again")
            for edge, shape, derivative in node.edges:
                part = sum_to(derivative(gradient), shape)
                if edge not in waiting:
                    heapq.heappush(heap, (-edge.number, edge))
                waiting[edge] = waiting[edge] + part if edge in waiting else part
            if not create_graph:
                node.edges = None
    return found


def sum_to(gradient, shape):
    """Undoes broadcasting: sums over the dimensions along which an input of this shape was repeated."""
    lead = len(gradient.shape) - len(shape)
    repeated = [lead + dim for dim, size in enumerate(shape) if size == 1 != gradient.shape[lead + dim]]
    dims = (*range(lead), *repeated)
    return gradient.sum(dims).reshape(*shape) if dims else gradient


# ---- layers


class Module:
    """Something with parameters, found by looking at its attributes."""

    def parameters(self):
        for value in vars(self).values():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, Module):
                    yield from item.parameters()
                elif isinstance(item, Tensor):
                    yield item

    def __call__(self, x):
        return self.forward(x)


class Linear(Module):
    def __init__(self, inputs, outputs, rng):
        bound = inputs**-0.5
        self.weight = Tensor(rng.uniform(-bound, bound, (outputs, inputs)), requires_grad=True)
        self.bias = Tensor(rng.uniform(-bound, bound, outputs), requires_grad=True)

    def forward(self, x):
        return x @ self.weight.T + self.bias


class MLP(Module):
    def __init__(self, sizes, rng):
        self.layers = [Linear(inputs, outputs, rng) for inputs, outputs in itertools.pairwise(sizes)]

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x)


# ---- optimizers


class Optimizer:
    def __init__(self, parameters, lr):
        self.parameters, self.lr, self.steps = list(parameters), lr, 0

    def zero_grad(self):
        for parameter in self.parameters:
            parameter.grad = None

    def step(self):
        self.steps += 1
        for parameter in self.parameters:
            parameter.data -= self.lr * self.direction(parameter, parameter.grad.data)


class SGD(Optimizer):
    def direction(self, parameter, gradient):
        return gradient


class Adam(Optimizer):
    def __init__(self, parameters, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(parameters, lr)
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        self.means = dict.fromkeys(self.parameters, (0.0, 0.0))  # of the gradient and of its square

    def direction(self, parameter, gradient):
        mean, square = self.means[parameter]
        mean = self.beta1 * mean + (1 - self.beta1) * gradient
        square = self.beta2 * square + (1 - self.beta2) * gradient**2
        self.means[parameter] = mean, square
        return mean / (1 - self.beta1**self.steps) / (np.sqrt(square / (1 - self.beta2**self.steps)) + self.eps)


# ---- next to flambeau


def twin_of(model):
    """The same network in flambeau, with the same weights."""
    layers = []
    for layer in model.layers:
        linear = flambeau.nn.Linear(*layer.weight.shape[::-1], dtype=flambeau.float64)
        linear.load_state_dict({name: flambeau.tensor(value.data) for name, value in vars(layer).items()})
        layers += [linear, flambeau.nn.ReLU()]
    return flambeau.nn.Sequential(*layers[:-1])


def difference(ours, theirs):
    """Largest difference of two lists of tensors, relative to the largest number in each."""
    arrays = [(our.data, their.detach().numpy()) for our, their in zip(ours, theirs, strict=True)]
    return max(np.abs(our - their).max() / np.abs(their).max() for our, their in arrays)


def step(model, optimizer, loss_of, images, labels):
    """One step of training, of either library; returns the loss."""
    loss = loss_of(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def train_both(model, twin, batches, lr=3e-3):
    """Trains both on the same batches; gives the two losses of each step and the difference of its gradients."""
    optimizer, twin_optimizer = Adam(model.parameters(), lr), flambeau.optim.Adam(twin.parameters(), lr)
    for images, labels in batches:
        ours = step(model, optimizer, cross_entropy, Tensor(images), labels)
        tensors = flambeau.tensor(images), flambeau.tensor(labels)
        theirs = step(twin, twin_optimizer, flambeau.nn.functional.cross_entropy, *tensors)
        yield ours, theirs, difference([p.grad for p in model.parameters()], [p.grad for p in twin.parameters()])


# ---- command line


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RUNS / "engine", help="folder to write into")
    parser.add_argument("--quick", action="store_true", help="20 steps, to see that all is in place")
    options = parser.parse_args()
    steps, rng = 20 if options.quick else options.steps, np.random.default_rng(options.seed)
    (images, labels), (test, test_labels) = [(x.flatten(1).double().numpy(), y.numpy()) for x, y in digits()]
    model = MLP([784, 64, 10], rng)
    picks = (rng.choice(len(labels), 64, replace=False) for _ in range(steps))
    run = train_both(model, twin_of(model), ((images[pick], labels[pick]) for pick in picks))
    rows = np.array(list(tqdm(run, "steps", steps, leave=False, disable=None)))
    for number in range(0, steps, 100):
        print(f"step {number:3d}  loss of engine.py {rows[number, 0]:.13f}, of flambeau {rows[number, 1]:.13f}")
    right = (model(Tensor(test)).data.argmax(1) == test_labels).mean()
    print(f"largest difference of a loss {np.ptp(rows[:, :2], 1).max():.1e}, of a gradient {rows[:, 2].max():.1e}")
    print(f"test accuracy {right:.1%}")
    options.out.mkdir(parents=True, exist_ok=True)
    np.savetxt(options.out / "losses.csv", rows, delimiter=",", header="engine.py,flambeau,gradient", comments="")


if __name__ == "__main__":
    main()
