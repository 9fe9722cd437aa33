"""Recurrent layers, cells and transformer layers: flambeau beside torch, by turns.

python benchmarks/recurrent.py [NAME] [--threads 1] [--markdown]
"""

import argparse
import time

from timing import by_turns, libraries, readable

LAYERS = {
    "{}(64, 128), {} steps, batch {}": [
        (kind, (64, 128), (steps, batch, 64)) for kind in ("LSTM", "GRU") for steps in (32, 100) for batch in (1, 8, 64)
    ],
    "{}(64, 256), {} steps, batch {}": [(kind, (64, 256), (64, 32, 64)) for kind in ("LSTM", "GRU", "RNN")],
    "{}(256, 256), {} steps, batch {}": [("LSTM", (256, 256), (64, 16, 256))],
}


def filled(lib, module, seed=0):
    """The module with the same weights in either library."""
    lib.manual_seed(seed)
    for parameter in module.parameters():
        lib.nn.init.uniform_(parameter, -0.1, 0.1)
    return module


def forward(make, shape):
    def body_of(lib):
        module, x = filled(lib, make(lib)).eval(), lib.randn(*shape)

        def body():
            with lib.no_grad():
                module(x)

        return body

    return body_of


def training(make, shape):
    def body_of(lib):
        module, x = filled(lib, make(lib)), lib.randn(*shape)

        def body():
            module.zero_grad()
            result = module(x)
            (result[0] if isinstance(result, tuple) else result).sum().backward()

        return body

    return body_of


def bodies():
    found = {}
    for name, cases in LAYERS.items():
        for kind, sizes, shape in cases:
            found[name.format(kind, *shape[:2])] = (lambda lib, k=kind, s=sizes: getattr(lib.nn, k)(*s)), shape
    for kind in ("LSTMCell", "GRUCell", "RNNCell"):
        for batch in (1, 64):
            found[f"{kind}(64, 128), batch {batch}"] = (lambda lib, k=kind: getattr(lib.nn, k)(64, 128)), (batch, 64)

    def layer(lib):
        return lib.nn.TransformerEncoderLayer(256, 8, 1024, 0.0, batch_first=True)

    found["TransformerEncoderLayer(256), 64 steps, batch 8"] = layer, (8, 64, 256)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="", help="calls with this text in their name")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    libs = libraries(("flambeau", "torch"), options.threads)
    clock = time.thread_time if options.threads == 1 else time.perf_counter
    line = "| {} | {} | {} | {} | {} |" if options.markdown else "{:48s} {:20s} {:>11s} {:>11s} {:>6s}"
    print(line.format("layer", "", "torch", "flambeau", "ratio"))
    if options.markdown:
        print("| --- | --- | --- | --- | --- |")
    for name, (make, shape) in bodies().items():
        if options.name not in name:
            continue
        for kind, measure in (("forward", forward), ("forward, backward", training)):
            made = {lib: measure(make, shape)(module) for lib, module in libs.items()}
            best = by_turns(made, rounds=12, seconds=0.004, clock=clock)
            theirs = best.get("torch")
            texts = [readable(t).strip() if t else "-" for t in (theirs, best["flambeau"])]
            print(line.format(name, kind, *texts, f"{theirs / best['flambeau']:.2f}" if theirs else "-"), flush=True)


if __name__ == "__main__":
    main()
