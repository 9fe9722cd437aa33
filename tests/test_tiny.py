"""A smoke test of every layer, under 10 seconds: run it after each build (`./dev tiny`)."""

import io

import numpy as np

from tests.frame import fl

nn, F = fl.nn, fl.nn.functional


def test_pointwise_with_broadcasting():
    x = fl.arange(6, dtype=fl.float32).reshape(2, 3)
    y = x * 2 + fl.tensor([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(y.numpy(), [[1, 4, 7], [7, 10, 13]])


def test_views_share_memory():
    x = fl.zeros(3, 4)
    x[1:, ::2].t()[0].fill_(5)
    assert x.sum().item() == 10


def test_promotion():
    assert (fl.ones(2, dtype=fl.int32) + 1.5).dtype == fl.float32
    assert (fl.ones(2, dtype=fl.float16) + fl.tensor(1.0, dtype=fl.float64)).dtype == fl.float16


def test_reductions():
    x = fl.tensor([[3.0, 1.0], [2.0, 5.0]])
    assert x.sum().item() == 11
    assert x.mean(1).tolist() == [2, 3.5]
    assert x.argmax().item() == 3


def test_gradient():
    x = fl.tensor([0.5, -1.0], requires_grad=True)
    (x.exp() * x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([0.5, -1.0]) * (1 + np.array([0.5, -1.0])), 1e-6)


def test_second_gradient():
    x = fl.tensor(3.0, requires_grad=True)
    (first,) = fl.autograd.grad(x**3, x, create_graph=True)
    (second,) = fl.autograd.grad(first, x)
    assert second.item() == 18


def test_matmul():
    a, b = np.random.default_rng(0).standard_normal((2, 33, 33)).astype(np.float32)
    np.testing.assert_allclose((fl.from_numpy(a) @ fl.from_numpy(b)).numpy(), a @ b, 1e-4, 1e-4)


def test_random_stream():
    fl.manual_seed(0)
    np.testing.assert_allclose(fl.rand(3).numpy(), [0.4962566, 0.7682218, 0.08847743], 1e-6)


def test_convolution():
    x = fl.ones(1, 1, 4, 4)
    assert F.conv2d(x, fl.ones(1, 1, 3, 3), padding=1)[0, 0].tolist()[0] == [4, 6, 6, 4]


def test_training_and_checkpoint():
    fl.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = fl.optim.Adam(model.parameters(), lr=0.05)
    x = fl.randn(64, 4)
    y = x[:, :3].argmax(1)
    first = F.cross_entropy(model(x), y).item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * first
    file = io.BytesIO()
    fl.save(model.state_dict(), file)
    file.seek(0)
    again = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    again.load_state_dict(fl.load(file))
    assert fl.equal(again(x), model(x))


def test_data_loader():
    data = fl.utils.data.TensorDataset(fl.arange(10), fl.arange(10) * 2)
    batches = list(fl.utils.data.DataLoader(data, batch_size=4, shuffle=True))
    assert [len(a) for a, _ in batches] == [4, 4, 2]
    assert sorted(fl.cat([a for a, _ in batches]).tolist()) == list(range(10))
    assert all(fl.equal(a * 2, b) for a, b in batches)
