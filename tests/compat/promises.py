"""What articles that introduce PyTorch say it does, each as a few lines. Runs on PyTorch too: python promises.py."""

import io
import warnings

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.autograd import Variable
from torch.utils.data import DataLoader, Dataset, TensorDataset

torch.manual_seed(0)


def trained(model, inputs, targets, criterion, make=lambda p: optim.Adam(p, lr=0.02), steps=60):
    """The first and the last loss of a training."""
    optimizer, losses = make(model.parameters()), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


def test_tensors_are_like_arrays():
    array = np.arange(6.0).reshape(2, 3)
    x = torch.from_numpy(array)
    assert np.array_equal((torch.add(x, x) - torch.mul(x, 2) + x @ x.T @ x).numpy(), array @ array.T @ array)


def test_gradients_by_the_chain_rule():
    theta = torch.tensor(3.0, requires_grad=True)
    y = theta**2
    torch.autograd.backward(y * 2)
    assert theta.grad == 12 and Variable(torch.ones(2), requires_grad=True).requires_grad


def test_the_graph_changes_while_it_runs():
    x = torch.tensor(1.5, requires_grad=True)
    y = x
    while y < 100:
        y = y * x if y < 10 else y + x * 10
    y.backward()
    assert x.grad > 0


def test_models_of_many_kinds():
    images, sequence = torch.randn(4, 3, 32, 32), torch.randn(7, 4, 8)
    cnn = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(8 * 256, 10),
    )
    assert cnn(images).shape == (4, 10)
    assert nn.LSTM(8, 16)(sequence)[0].shape == nn.RNN(8, 16)(sequence)[0].shape == (7, 4, 16)
    assert nn.Transformer(8, 2, 1, 1, 16)(sequence, sequence[:3]).shape == (3, 4, 8)
    coder, context = nn.GRU(8, 16), nn.GRU(8, 16)  # a sequence to a sequence
    assert context(sequence[:2], coder(sequence)[1])[0].shape == (2, 4, 16)
    one, two = nn.Linear(8, 5), nn.Linear(5, 8)  # a stacked autoencoder
    assert two(torch.sigmoid(one(sequence))).shape == sequence.shape


def test_activations_against_vanishing_gradients():
    x = torch.linspace(-2, 2, 9)
    for make in (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.Sigmoid, nn.Tanh):
        assert make()(x).shape == x.shape
    assert nn.Dropout(0.5).eval()(x).equal(x)


def test_losses():
    x, classes = torch.rand(5, 3), torch.tensor([0, 2, 1, 0, 2])
    assert nn.MSELoss()(x, x) == 0 and nn.CrossEntropyLoss()(x, classes) > 0 and nn.BCELoss()(x, torch.ones(5, 3)) > 0


def test_optimizers():
    x = torch.randn(64, 3)
    for make in (
        lambda p: optim.SGD(p, lr=0.05, momentum=0.9), lambda p: optim.Adam(p, lr=0.05), lambda p: optim.RMSprop(p, lr=0.02), lambda p: optim.Adagrad(p, lr=0.2),
    ):  # fmt: skip
        first, last = trained(nn.Linear(3, 1), x, x.sum(1, keepdim=True), nn.MSELoss(), make)
        assert last < first / 5


def test_several_tasks():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(4, 8)
            self.heads = nn.ModuleList([nn.Linear(8, 3), nn.Linear(8, 1)])

        def forward(self, x):
            x = torch.relu(self.body(torch.flatten(x, 1)))
            return [head(x) for head in self.heads]

    net, x = Net(), torch.randn(6, 2, 2)
    classes, value = net(x)
    (F.cross_entropy(classes, torch.zeros(6).long()) + F.mse_loss(value, torch.zeros(6, 1))).backward()
    assert all(p.grad is not None for p in net.parameters())


def test_weights_that_are_shared():
    one = nn.Linear(4, 4)
    net = nn.Sequential(one, nn.ReLU(), one)
    net(torch.ones(1, 4)).sum().backward()
    assert len(list(net.parameters())) == 2 and one.weight.grad is not None


def test_missing_values():
    x = torch.tensor([1.0, float("nan"), 3.0])
    assert torch.masked_select(x, ~torch.isnan(x)).tolist() == [1, 3] and torch.nan_to_num(x).tolist() == [1, 0, 3]
    assert F.interpolate(
        torch.tensor([[[1.0, 3.0]]]), size=3, mode="linear", align_corners=True
    ).flatten().tolist() == [1, 2, 3]


def test_data():
    class Pairs(Dataset):
        def __len__(self):
            return 10

        def __getitem__(self, index):
            return torch.tensor([float(index)]), index % 2

    for loader in (DataLoader(Pairs(), batch_size=4, shuffle=True), DataLoader(Pairs(), batch_size=4, num_workers=2)):
        assert sorted(i for x, _ in loader for i in x.flatten().tolist()) == list(range(10))
    assert len(DataLoader(TensorDataset(torch.ones(9, 2), torch.ones(9)), batch_size=4)) == 3


def test_pictures():
    import torchvision
    from PIL import Image
    from torchvision import transforms

    change = transforms.Compose(
        [
            transforms.RandomCrop(24),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.5,), (0.5,)),
        ]
    )
    assert change(Image.new("L", (32, 32), 255)).mean() == 1
    data = torchvision.datasets.FakeData(4, (3, 32, 32), 10, transforms.ToTensor())
    assert next(iter(DataLoader(data, batch_size=4)))[0].shape == (4, 3, 32, 32)
    try:
        torchvision.datasets.CIFAR10(root="nowhere", train=True)
    except RuntimeError as error:
        assert "download=True" in str(error)


def test_transfer():
    import torchvision

    model = torchvision.models.alexnet(weights=None)
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.classifier[6] = nn.Linear(4096, 2)
    model(torch.randn(2, 3, 224, 224)).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is not None] == [
        "classifier.6.weight",
        "classifier.6.bias",
    ]
    for name in ("vgg11", "resnet18", "inception_v3"):
        assert hasattr(torchvision.models, name)


def test_inference_without_a_graph():
    model = nn.Linear(2, 1)
    with torch.no_grad():
        found = model(torch.ones(1, 2))
    assert not found.requires_grad and found.numpy().shape == (1, 1)


def test_files():
    model, file = nn.Linear(2, 1), io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = nn.Linear(2, 1)
    other.load_state_dict(torch.load(file))
    assert other.weight.equal(model.weight)


def test_devices_are_asked_for():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    assert nn.Linear(2, 1).to(device)(torch.ones(1, 2).to(device)).device.type == device.type
    torch.cuda.empty_cache()


def test_parallel_models_on_one_machine():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = nn.DataParallel(nn.Linear(2, 1))
    assert model(torch.ones(3, 2)).shape == (3, 1) and hasattr(nn.parallel, "DistributedDataParallel")


def test_functions_of_ones_own():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, gradient):
            return 2 * gradient

    x = torch.ones(2, requires_grad=True)
    Double.apply(x).sum().backward()
    assert x.grad.tolist() == [2, 2]


if __name__ == "__main__":
    checks = [value for name, value in list(globals().items()) if name.startswith("test_")]
    for check in checks:
        check()
    print(len(checks), "promises kept")
