"""Train a small GPT, character by character, on the source of Python's standard library, and let it write Python.

    python examples/char_gpt.py                         train; prints what the model writes every 200 steps
    python examples/char_gpt.py --resume                go on after Ctrl-C, to the bit as if nothing had happened
    python examples/char_gpt.py --generate "def main"   no training: go on writing from these words

The text is the .py files of the Python that runs this (sysconfig says where they are), every tenth file kept
for validation.
Writes runs/char_gpt/model.pt (weights, optimizer, random state) and runs/char_gpt/loss.png.
Takes about a minute on two cores. Loss to expect: 4.85 = ln 128 at the start, about 1.83 on the validation
files at the end, which is 6.2 characters to choose from on average instead of 128.
"""

import argparse
import signal
import sys
import sysconfig
import time
from pathlib import Path

import matplotlib.pyplot as plt
from data import RUNS
from tqdm import tqdm

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

SIZES = {"context": 64, "width": 128, "layers": 3, "heads": 4}
TOKENS = 128  # a token is a character of ASCII


# ---- the model


class Block(nn.Module):
    """Each place looks at those before it (attention), then works on its own (two linear layers)."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def attend(self, x):  # (N, L, E)
        count, length, width = x.shape
        q, k, v = self.qkv(x).view(count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # each (N, H, L, E / H)
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(found.transpose(1, 2).reshape(count, length, width))

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Characters (N, L) in, scores of the next character at each place (N, L, TOKENS) out."""

    def __init__(self, context, width, layers, heads):
        super().__init__()
        self.context = context
        self.characters, self.places = nn.Embedding(TOKENS, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, TOKENS, bias=False)
        self.head.weight = self.characters.weight  # the same table reads and writes characters
        nn.init.normal_(self.characters.weight, std=0.02)
        nn.init.normal_(self.places.weight, std=0.02)

    def forward(self, text):
        x = self.characters(text) + self.places.weight[: text.shape[1]]
        return self.head(self.norm(self.blocks(x)))


@flambeau.no_grad()
def write(model, prompt, length, temperature, seed):
    """The prompt and `length` more characters, each drawn by the model's probabilities."""
    generator = flambeau.Generator().manual_seed(seed)  # its own, so that training does not notice
    text = encode(prompt)[None]
    for _ in range(length):
        scores = model(text[:, -model.context :])[0, -1] / temperature
        drawn = flambeau.multinomial(scores.softmax(0), 1, generator=generator)
        text = flambeau.cat([text, drawn[None]], 1)
    return bytes(text[0].tolist()).decode("ascii")


# ---- the text


def encode(text):
    """The ASCII codes of a text, with ? for characters that are not ASCII."""
    return flambeau.frombuffer(bytearray(text, "ascii", "replace"), dtype=flambeau.uint8).long()


def library_source():
    """(training, validation) text: the top-level modules of the standard library."""
    folder = Path(sysconfig.get_path("stdlib"))
    files = [path.read_text("utf-8", "replace") for path in sorted(folder.glob("*.py"))]
    if len(files) < 10:
        sys.exit(f"{folder} holds no Python source: this Python came without it")
    held = files[::10]
    del files[::10]
    return encode("\n".join(files)), encode("\n".join(held))


def batch_of(text, count, context, generator=None):
    """`count` random pieces of the text and, for each of their characters, the one that follows: twice (count, context)."""
    starts = flambeau.randint(len(text) - context, (count, 1), generator=generator)
    pieces = text[starts + flambeau.arange(context + 1)]
    return pieces[:, :-1], pieces[:, 1:]


def loss_of(model, batch):
    given, following = batch
    return F.cross_entropy(model(given).flatten(0, 1), following.flatten())


@flambeau.no_grad()
def validate(model, text, batches):
    """Mean loss over pieces of the text that are the same each time."""
    generator = flambeau.Generator().manual_seed(0)
    return sum(loss_of(model, batch_of(text, 32, model.context, generator)).item() for _ in range(batches)) / batches


# ---- training


class Run:
    """A training run and all that it has to remember, so that it can go on exactly where it stopped."""

    def __init__(self, options):
        flambeau.manual_seed(options.seed)
        self.options, self.stop = options, False
        self.model = GPT(**SIZES)
        self.optimizer = flambeau.optim.AdamW(self.model.parameters(), betas=(0.9, 0.99), weight_decay=0.1)
        self.losses, self.validated = [], {}  # of each step; step -> validation loss

    def save(self, path):
        state = {"sizes": SIZES, "losses": self.losses, "validated": self.validated}
        state["model"], state["optimizer"] = self.model.state_dict(), self.optimizer.state_dict()
        state["random"] = flambeau.get_rng_state()
        flambeau.save(state, path)  # the file appears complete or not at all

    def resume(self, path):
        state = flambeau.load(path)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.losses, self.validated = state["losses"], state["validated"]
        flambeau.set_rng_state(state["random"])

    def rate(self, step):
        """The learning rate: up in 20 steps, then down along a cosine."""
        share = flambeau.tensor(step / self.options.steps)
        return self.options.lr * min(1.0, (step + 1) / 20) * (0.55 + 0.45 * flambeau.cos(share * flambeau.pi).item())

    def step(self, text):
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(len(self.losses))
        loss = loss_of(self.model, batch_of(text, self.options.batch, self.model.context))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.losses.append(loss.item())

    def report(self, held):
        """Validation loss, and what the model writes by now."""
        done = len(self.losses)
        self.validated[done] = validate(self.model, held, self.options.checks)
        recent = self.losses[-100:]
        tqdm.write(f"step {done}  loss {sum(recent) / len(recent):.3f}  validation {self.validated[done]:.3f}")
        sample = write(self.model, "def ", self.options.length, 0.8, self.options.seed)
        tqdm.write("    " + sample.replace("\n", "\n    ") + "\n")
        sys.stdout.flush()

    def train(self, text, held):
        """Until all steps are done, or until Ctrl-C."""
        steps, every = self.options.steps, self.options.every
        bar = tqdm(initial=len(self.losses), total=steps, unit="step", disable=None)
        while len(self.losses) < steps and not self.stop:
            self.step(text)
            bar.set_postfix(loss=f"{self.losses[-1]:.3f}", refresh=False)
            bar.update()
            if len(self.losses) % every == 0 or len(self.losses) == steps:
                self.report(held)
                self.save(self.options.out / "model.pt")
        bar.close()

    def interrupt(self, *signal_and_frame):
        """Ctrl-C: finish the step, so that what is saved is whole. A second one ends the program at once."""
        self.stop = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def draw(path, run):
    figure = plt.figure(figsize=(7, 4), layout="constrained")
    panel = figure.subplots()
    panel.plot(range(1, len(run.losses) + 1), run.losses, color="0.75", linewidth=1, label="training, each step")
    panel.plot(list(run.validated), list(run.validated.values()), "o-", label="validation")
    panel.set(xlabel="step", ylabel="cross entropy per character")
    panel.grid(alpha=0.3)
    panel.legend()
    figure.savefig(path, dpi=100)


# ---- command line


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generate", metavar="PROMPT", help="write on from these words with the saved model")
    parser.add_argument("--length", type=int, default=200, help="characters to write")
    parser.add_argument("--temperature", type=float, default=0.8, help="how daring the writing is with --generate")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the output folder")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--every", type=int, default=200, help="steps between two samples and checkpoints")
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--checks", type=int, default=10, help="batches of 32 for the validation loss")
    parser.add_argument("--lr", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RUNS / "char_gpt", help="folder to write into")
    parser.add_argument("--quick", action="store_true", help="three steps, to see that all is in place")
    options = parser.parse_args()
    if options.quick:
        options.steps, options.length, options.checks = 3, 20, 1
    if options.temperature <= 0 or options.length < 0 or options.generate == "":
        parser.error("--temperature must be positive, --length not negative, and the prompt not empty")
    return options


def main():
    options = arguments()
    checkpoint = options.out / "model.pt"
    if (options.resume or options.generate) and not checkpoint.exists():
        sys.exit(f"there is no {checkpoint}: train first, without --resume and --generate")
    if options.generate:
        state = flambeau.load(checkpoint)
        model = GPT(**state["sizes"])
        model.load_state_dict(state["model"])
        print(write(model, options.generate, options.length, options.temperature, options.seed))
        return

    options.out.mkdir(parents=True, exist_ok=True)
    text, held = library_source()
    run = Run(options)
    if options.resume:
        run.resume(checkpoint)
    signal.signal(signal.SIGINT, run.interrupt)
    count = sum(p.numel() for p in run.model.parameters())
    print(f"{len(text):,} characters to train on, {len(held):,} for validation, {count:,} parameters", flush=True)

    start = time.perf_counter()
    run.train(text, held)
    run.save(checkpoint)
    if run.stop:
        print(f"stopped after step {len(run.losses)}, saved to {checkpoint}. Go on with: python {sys.argv[0]} --resume")
        sys.exit(130)
    draw(options.out / "loss.png", run)
    print(f"validation loss {run.validated[options.steps]:.3f} after {time.perf_counter() - start:.0f} s")
    print(f"wrote {checkpoint} and {options.out / 'loss.png'}")


if __name__ == "__main__":
    main()
