"""flambeau.summary: known sizes, no computing, nothing changed."""

import pytest

from tests.frame import fl

nn = fl.nn


def test_counts():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, groups=1),
        nn.BatchNorm2d(8),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * 4 * 4, 5),
    )
    model[1].weight.requires_grad_(False)
    found = fl.summary(model, (2, 3, 8, 8))
    assert found.parameters == 8 * 27 + 8 + 16 + 128 * 5 + 5 and found.parameters - found.trainable == 8
    assert found.macs == 2 * 8 * 64 * 27 + 2 * 128 * 5
    assert [line.shape for line in found.lines] == [
        "(2, 5)",
        "(2, 8, 8, 8)",
        "(2, 8, 8, 8)",
        "(2, 8, 4, 4)",
        "(2, 128)",
        "(2, 5)",
    ]
    assert found.activation_bytes == 4 * 2 * (512 + 512 + 128 + 128 + 5) and found.input_bytes == 4 * 2 * 192
    assert "Conv2d (0)" in str(found) and "(2, 8, 8, 8)" in str(found)


def test_macs_of_products():
    assert fl.summary(nn.ConvTranspose2d(4, 6, 2, stride=2), (1, 4, 5, 5)).macs == 4 * 25 * 6 * 4
    assert fl.summary(nn.LSTM(3, 5, num_layers=2), (7, 2, 3)).macs == 7 * 2 * (20 * 3 + 20 * 5 + 20 * 5 + 20 * 5)
    assert fl.summary(nn.GRUCell(3, 5), (2, 3)).macs == 2 * (15 * 3 + 15 * 5)
    x = fl.ones(2, 6, 8)
    attention = fl.summary(nn.MultiheadAttention(8, 2, batch_first=True), input_data=(x, x, x))
    assert attention.macs == 2 * (4 * 6 * 64 + 2 * 36 * 8)
    assert fl.summary(nn.Bilinear(2, 3, 4), [(5, 2), (5, 3)]).macs == 5 * 4 * 6


def test_model_stays_as_it_was():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout())
    before, state = {n: t.clone() for n, t in model.state_dict().items()}, fl.get_rng_state()
    fl.summary(model, (3, 4))
    assert all(fl.equal(t, before[n]) for n, t in model.state_dict().items()) and fl.equal(state, fl.get_rng_state())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert not any(p.is_meta for p in model.parameters())


def test_large_inputs_cost_nothing():
    found = fl.summary(nn.Conv2d(3, 64, 7), (10_000, 3, 10_000, 10_000))
    assert found.lines[0].shape == "(10000, 64, 9994, 9994)"


def test_shared_parameters_and_calls():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(4, 4)
            self.b = nn.Linear(4, 4)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(self.a(x)))

    found = fl.summary(Twice(), (2, 4))
    assert found.parameters == 16 + 4 + 4 and found.macs == 3 * 2 * 16
    assert found.lines[1].calls == 2


def test_dtypes_depth_and_no_input():
    embedding = nn.Sequential(nn.Embedding(10, 4), nn.Sequential(nn.Linear(4, 2)))
    found = fl.summary(embedding, (3, 5), dtypes=fl.long, depth=1)
    assert found.lines[0].shape == "(3, 5, 2)" and "Linear" not in str(found)
    assert fl.summary(embedding).parameters == 50 and fl.summary(embedding).macs == 0


def test_errors():
    class NeedsValues(nn.Module):
        def forward(self, x):
            return x[x > 0]

    with pytest.raises(RuntimeError, match="needs the values"):
        fl.summary(NeedsValues(), (3,))
    with pytest.raises(RuntimeError, match="in_features"):
        fl.summary(nn.Linear(3, 2), (1, 4))
    with pytest.raises(ValueError, match="one dtype per input"):
        fl.summary(nn.Bilinear(2, 3, 4), [(5, 2), (5, 3)], dtypes=[fl.float32])
