"""Small training programs, written for any library with torch's API. Each returns the loss of every step.

`python -m tests.programs torch` prints the figures that recorded/training.json keeps for test_training.py.
"""

import importlib
import json
import sys

STEPS = 50


def train(model, optimizer, loss_function, batches):
    """One optimizer step per batch."""
    losses = []
    for x, y in batches:
        loss = loss_function(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def mlp(lib):
    """784-128-10, SGD with momentum, random images that the labels depend on."""
    lib.manual_seed(0)
    nn = lib.nn
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = lib.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    images = lib.rand(320, 784)
    labels = (images[:, :10] * 3).argmax(1)
    batches = [(images[i % 5 * 64 : i % 5 * 64 + 64], labels[i % 5 * 64 : i % 5 * 64 + 64]) for i in range(STEPS)]
    return train(model, optimizer, nn.CrossEntropyLoss(), batches)


def cnn(lib):
    """Two convolutions with max-pooling and a linear layer; shuffled batches from a DataLoader, dropout on."""
    lib.manual_seed(1)
    nn = lib.nn
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.25), nn.Linear(64 * 4 * 4, 10),
    )  # fmt: skip
    optimizer = lib.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
    data = lib.utils.data.TensorDataset(lib.randn(160, 3, 16, 16), lib.randint(0, 10, (160,)))
    loader = lib.utils.data.DataLoader(data, batch_size=16, shuffle=True)
    batches = (batch for _ in range(STEPS // 10) for batch in loader)
    return train(model, optimizer, nn.CrossEntropyLoss(), batches)


def regression(lib):
    """Linear regression with MSE, full batch."""
    lib.manual_seed(2)
    model = lib.nn.Linear(8, 1)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.05)
    x = lib.randn(100, 8)
    y = x @ lib.linspace(-1, 1, 8).unsqueeze(1) + 0.3 + 0.1 * lib.randn(100, 1)
    return train(model, optimizer, lib.nn.MSELoss(), [(x, y)] * STEPS)


def attention(lib):
    """A pre-norm transformer block over embedded tokens, AdamW with a cosine schedule and clipped gradients."""
    lib.manual_seed(3)
    nn, F = lib.nn, lib.nn.functional

    class Block(nn.Module):
        def __init__(self, width=32, heads=4, words=20):
            super().__init__()
            self.heads = heads
            self.embed = nn.Embedding(words, width)
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.head = nn.Linear(width, words)

        def attend(self, x):  # (N, L, E)
            n, length, width = x.shape
            parts = self.qkv(x).view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
            return self.out(y.transpose(1, 2).reshape(n, length, width))

        def forward(self, tokens):
            x = self.embed(tokens)
            x = x + self.attend(self.norm1(x))
            x = x + self.down(F.gelu(self.up(self.norm2(x))))
            return self.head(x)

    model = Block()
    optimizer = lib.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = lib.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    losses = []
    for _ in range(STEPS):
        tokens = lib.randint(0, 20, (8, 13))
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens.cumsum(1)[:, 1:].remainder(20).flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


PROGRAMS = {program.__name__: program for program in (mlp, cnn, regression, attention)}


if __name__ == "__main__":
    library = importlib.import_module(sys.argv[1])
    library.set_num_threads(1)
    json.dump({name: program(library) for name, program in PROGRAMS.items()}, sys.stdout, indent=0)
