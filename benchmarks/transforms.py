"""vmap and Jacobians beside torch, alternating in one process: `python benchmarks/transforms.py [--rounds N]`."""

import argparse
import importlib
import time


def calls(lib):
    """Named calls of one library, on the same values in each."""
    func = importlib.import_module(f"{lib.__name__}.func")
    lib.manual_seed(0)
    lib.set_num_threads(1)
    model = lib.nn.Sequential(lib.nn.Linear(32, 64), lib.nn.ReLU(), lib.nn.Linear(64, 10))
    params = {name: p.detach() for name, p in model.named_parameters()}
    x, y = lib.randn(256, 32), lib.randint(0, 10, (256,))

    def loss(params, image, label):
        return lib.nn.functional.cross_entropy(func.functional_call(model, params, (image[None],)), label[None])

    per_sample = lib.vmap(func.grad(loss), in_dims=(None, 0, 0))
    sines = lib.vmap(lambda a: (a.sin() * a).sum())
    rows = func.jacrev(lambda a: lib.tanh(a @ params["0.weight"].T))
    second = func.hessian(lambda a: (a**3).sum())
    return {
        "gradients of 256 samples": lambda: per_sample(params, x, y),
        "vmap of a sum of sines": lambda: sines(x),
        "jacrev, 64 rows": lambda: rows(x[0]),
        "hessian, 32 columns": lambda: second(x[0]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    tables = {name: calls(importlib.import_module(name)) for name in ("torch", "flambeau")}
    for case in tables["torch"]:
        best = dict.fromkeys(tables, float("inf"))
        for _ in range(rounds):
            for name, table in tables.items():
                start = time.perf_counter()
                table[case]()
                best[name] = min(best[name], time.perf_counter() - start)
        print(f"{case:28} torch {best['torch'] * 1e3:7.3f} ms  flambeau {best['flambeau'] * 1e3:7.3f} ms")


if __name__ == "__main__":
    main()
