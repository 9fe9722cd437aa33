"""flambeau.compat: `import torch` is flambeau, and says what is missing."""

import subprocess
import sys
import textwrap

import pytest

import flambeau
from tests.compat.test_run import ROOT


def check(text):
    """Run Python code in a process of its own."""
    code = textwrap.dedent(text)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_modules_are_the_same_objects():
    check(
        """
        import flambeau.compat, sys
        path = list(sys.path)
        flambeau.compat.install()
        flambeau.compat.install()
        assert len([f for f in sys.meta_path if getattr(f, "flambeau_compat", False)]) == 2 and sys.path == path
        import torch, torch.nn.modules.linear as linear, torch.utils.data
        from torch._C import _nn
        assert torch is flambeau and linear is flambeau.nn.modules.linear and torch.nn is flambeau.nn
        assert torch.nn.__spec__.name == "flambeau.nn" and torch.__name__ == "torch"
        assert _nn.gelu is flambeau.nn.functional.gelu
        flambeau.compat.uninstall()
        assert "torch" not in sys.modules and flambeau.__name__ == "flambeau" and not flambeau.compat.installed()
        assert not hasattr(flambeau.nn, "nothing")
        flambeau.compat.uninstall()
        flambeau.compat.install()
        import torch
        assert torch is flambeau
        """
    )


def test_missing_names_of_vision_alone():
    """Also where the program has imported torchvision and not torch."""
    check(
        """
        import flambeau.compat
        flambeau.compat.install()
        try:
            from torchvision import dataset
        except ImportError as error:
            assert "module 'torchvision' has no attribute 'dataset'" in str(error), error
            assert str(error).endswith("the nearest name is torchvision.datasets"), error
        import torchvision
        try:
            torchvision.transforms.Resise
        except AttributeError as error:
            assert str(error).endswith("the nearest name is torchvision.transforms.Resize"), error
        """
    )


def test_classes_of_tensors_are_named_after_torch():
    """opt_einsum and others find the functions for an array by the module of its class."""
    check(
        """
        import flambeau.compat, io, pickle
        flambeau.compat.install()
        import torch
        assert torch.Tensor.__module__ == "torch" and repr(type(torch.ones(1))) == "<class 'torch.Tensor'>"
        assert torch.nn.Parameter.__module__ == "torch.nn.parameter"
        kinds = [torch.Tensor, torch.nn.Parameter]
        assert pickle.loads(pickle.dumps(kinds)) == kinds
        file = io.BytesIO()
        torch.save([torch.nn.Parameter(torch.ones(1)), torch.ones(2)], file)
        file.seek(0)
        assert type(torch.load(file)[0]) is torch.nn.Parameter
        flambeau.compat.uninstall()
        assert flambeau.Tensor.__module__ == "flambeau" and flambeau.nn.Parameter.__module__ == "flambeau.nn.parameter"
        """
    )


def test_versions():
    check(
        """
        import importlib.metadata, importlib.util
        import flambeau.compat
        flambeau.compat.install()
        assert importlib.metadata.version("torch") == "2.13.0"
        assert importlib.util.find_spec("torch") is not None
        import torch
        assert importlib.util.find_spec("torch") is not None and importlib.util.find_spec("torch.nothing") is None
        assert torch.__version__ >= "2.4" and torch.__version__ > (1, 13) and torch.__version__ < "3"
        assert torch.__version__.startswith("2.13.0") and torch.torch_version.TorchVersion("1.10") > "1.9"
        """
    )


@pytest.mark.parametrize(
    "statement, kind, text",
    [
        ("torch.matmull", "AttributeError", "torch.matmul"),
        ("torch.nn.Lineer", "AttributeError", "torch.nn.Linear"),
        ("torch.utils.data.Dataloader", "AttributeError", "torch.utils.data.DataLoader"),
        ("torch.nn.functional.gelo", "AttributeError", "torch.nn.functional.gelu"),
        ("torch.nn.modules.Lineer", "AttributeError", "torch.nn.modules.Linear"),
        ("torch.optim.lr_scheduler.StepL", "AttributeError", "torch.optim.lr_scheduler.StepLR"),
        ("torch.optim.Adan", "AttributeError", "torch.optim.Adam"),
        ("from torch.nn import Lineer", "ImportError", "torch.nn.Linear"),
        ("from torch import matmull", "ImportError", "torch.matmul"),
        ("import torch.nn.functionals", "ModuleNotFoundError", "torch.nn.functional"),
    ],
)
def test_a_missing_name_says_so(statement, kind, text):
    out = check(
        f"""
        import flambeau.compat
        flambeau.compat.install()
        import torch
        try:
            {statement}
        except Exception as error:
            print(type(error).__mro__[0 if type(error).__name__ != "MissingName" else 1].__name__, error)
        """
    )
    assert out.startswith(kind) and text in out and "flambeau" in out
    assert "1" == check("import flambeau.compat; flambeau.compat.install(); import torch; print(int(not hasattr(torch, 'no')))").strip()  # fmt: skip


def test_after_the_real_torch():
    out = check(
        """
        import sys, types
        sys.modules["torch"] = types.ModuleType("torch")
        import flambeau.compat
        try:
            flambeau.compat.install()
        except ImportError as error:
            print(error)
        """
    )
    assert "already imported" in out and "call install() before" in out


def test_importing_flambeau_changes_no_path():
    check(
        "import sys; before = list(sys.path); import flambeau, flambeau.compat, flambeau.cli; assert sys.path == before"
    )


def test_version_compares_like_torchs():
    version = flambeau.torch_version.TorchVersion
    assert version("1.10.0") == "1.10" and version("1.10.0a0") < "1.10.0" and version("1.10.0") != "1.9"
    assert version("1.10.0") <= (1, 10) and version("2.13.0+cpu") == "2.13.0"


def test_whole_modules_load_without_running_code(tmp_path):
    check(
        f"""
        import flambeau.compat
        flambeau.compat.install()
        import functools, os, pickle
        import torch

        class Net(torch.nn.Sequential):
            def __init__(self, n):
                super().__init__(torch.nn.Linear(n, 2), torch.nn.ReLU())

        path, worse = {str(tmp_path / "net.pt")!r}, {str(tmp_path / "worse.pt")!r}
        net = Net(3)
        torch.save(net, path)
        back = torch.load(path, weights_only=False)
        assert type(back) is Net and torch.equal(back(torch.ones(3)), net(torch.ones(3)))
        torch.save(functools.partial(print, "ran"), worse)
        for refused in (lambda: torch.load(path), lambda: torch.load(worse, weights_only=False)):
            try:
                refused()
                raise SystemExit("loaded")
            except pickle.UnpicklingError as error:
                assert "allow_code" in str(error), error
        os.environ["FLAMBEAU_LOAD_CODE"] = "1"
        assert torch.load(worse, weights_only=False).args == ("ran",)
        """
    )
