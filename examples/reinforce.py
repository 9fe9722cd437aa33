"""Balance a pole on a cart with REINFORCE.

    python examples/reinforce.py                about 5 seconds on two cores
    python examples/reinforce.py --quick        ten updates, to see that all is in place

The cart is pushed left or right 50 times a second; an episode ends when the pole leans more than 12 degrees, the cart has
gone 2.4 metres, or after 500 steps. Each step that the pole stands is worth 1. Nothing tells the network which push was
right: it makes likelier what it did before the pole stood for longer than expected, and what is expected is a second
network, the baseline. The task counts as solved at a mean return of 475 over 100 episodes; these are played anew at the
end: expect 485. Writes runs/reinforce/returns.png.

Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", 1992; the cart is
that of Barto, Sutton & Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems", 1983.
"""

import argparse
import math
import time
from pathlib import Path

import matplotlib.pyplot as plt
from data import RUNS
from tqdm import tqdm

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

LIMIT = 500  # steps in an episode at most
SOLVED = 475.0


# ---- the world


class CartPole:
    """Many carts at once. A state is (position, velocity, angle, angular velocity), in metres, radians and seconds."""

    gravity, cart, pole, half_length, push, tick = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, carts):
        self.state = flambeau.empty(carts, 4).uniform_(-0.05, 0.05)

    def step(self, right):
        """One fiftieth of a second: right (carts,) is 1 to push right, 0 left. Returns whether each pole fell, (carts,)."""
        position, velocity, angle, spin = self.state.unbind(1)
        total, moment = self.cart + self.pole, self.pole * self.half_length
        sin, cos = angle.sin(), angle.cos()
        thrust = ((2 * right - 1) * self.push + moment * spin**2 * sin) / total
        turning = (self.gravity * sin - cos * thrust) / (self.half_length * (4 / 3 - self.pole * cos**2 / total))
        moving = thrust - moment * turning * cos / total
        change = flambeau.stack([velocity, moving, spin, turning], 1)
        self.state = self.state + self.tick * change
        return (self.state[:, 0].abs() > 2.4) | (self.state[:, 2].abs() > math.radians(12))


@flambeau.no_grad()
def play(policy, carts):
    """An episode on each cart: states (T, carts, 4), actions (T, carts) and whether the pole still stood, (T, carts)."""
    world = CartPole(carts)
    states, actions, standing = [], [], [flambeau.ones(carts, dtype=flambeau.bool)]
    while len(states) < LIMIT and standing[-1].any():
        states.append(world.state)
        actions.append(flambeau.bernoulli(policy(world.state).squeeze(1).sigmoid()))
        standing.append(standing[-1] & ~world.step(actions[-1]))
    return flambeau.stack(states), flambeau.stack(actions), flambeau.stack(standing[:-1])


# ---- learning


def network():
    return nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 1))


def rewards_to_come(standing, discount):
    """What each step is followed by: G_t = r_t + discount * G_(t+1), (T, carts)."""
    sums = standing.float()
    for step in range(len(sums) - 2, -1, -1):
        sums[step] += discount * sums[step + 1]
    return sums


def update(policy, baseline, optimizer, episodes, discount):
    """One step up the gradient of sum_t log p(a_t | s_t) (G_t - b(s_t)), and one of the baseline towards G."""
    states, actions, standing = episodes
    expected_most = 1 / (1 - discount)
    gains = rewards_to_come(standing, discount)[standing] / expected_most
    states, actions = states[standing], actions[standing]
    expected = baseline(states).squeeze(1)
    advantage = gains - expected.detach()
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    surprise = F.binary_cross_entropy_with_logits(policy(states).squeeze(1), actions, reduction="none")  # -log p(a | s)
    loss = (surprise * advantage).mean() + F.mse_loss(expected, gains)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def train(policy, baseline, options):
    """Play and learn until the last 100 episodes are clearly long enough; returns the return of every episode."""
    optimizer = flambeau.optim.Adam([*policy.parameters(), *baseline.parameters()], lr=options.lr)
    returns = []
    bar = tqdm(range(1, options.updates + 1), desc="updates", unit="update", leave=False, disable=None)
    try:
        for number in bar:
            episodes = play(policy, options.carts)
            update(policy, baseline, optimizer, episodes, options.discount)
            returns += episodes[2].sum(0).tolist()
            recent = sum(returns[-100:]) / len(returns[-100:])
            bar.set_postfix(recent=f"{recent:.0f}")
            if number % 10 == 0:
                tqdm.write(
                    f"update {number:3d}  {len(returns):4d} episodes  mean return of the last 100: {recent:5.1f}"
                )
            if recent > SOLVED + 15 and len(returns) >= 100:
                break
    except KeyboardInterrupt:
        print("\nstopped: the rest is about what has been learnt so far")
    return returns


# ---- report


def draw_returns(path, returns, score):
    """Every episode of the training, the mean of the last 100, and where the task counts as solved."""
    means = [sum(part) / len(part) for part in (returns[max(0, end - 100) : end] for end in range(1, len(returns) + 1))]
    figure, panel = plt.subplots(figsize=(8, 4.2), layout="constrained")
    panel.plot(returns, ".", color="#9db8d2", markersize=3, label="an episode")
    panel.plot(means, color="#e06000", linewidth=2.5, label="mean of the last 100")
    panel.axhline(SOLVED, color="green", linewidth=1, label=f"solved ({SOLVED:g})")
    panel.set(title=f"A pole on a cart: {score:.1f} of {LIMIT} steps after training", xlabel="episode", ylabel="return")
    panel.grid(alpha=0.3)
    panel.legend(loc="lower right")
    figure.savefig(path, dpi=100)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=400, help="at most this many (400)")
    parser.add_argument("--carts", type=int, default=16, help="episodes played for an update (16)")
    parser.add_argument("--discount", type=float, default=0.99, help="of what comes a step later (0.99)")
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate (0.01)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="ten updates, to see that all is in place")
    parser.add_argument("--out", type=Path, default=RUNS / "reinforce", help="folder to write into")
    return parser.parse_args()


def main():
    options = arguments()
    options.updates = 10 if options.quick else options.updates
    flambeau.manual_seed(options.seed)
    policy, baseline = network(), network()

    start = time.perf_counter()
    returns = train(policy, baseline, options)
    seconds = time.perf_counter() - start

    score = play(policy, carts=100)[2].sum(0).float().mean().item()
    options.out.mkdir(parents=True, exist_ok=True)
    draw_returns(options.out / "returns.png", returns, score)
    print(f"mean return {score:.1f} of {LIMIT} over 100 new episodes, after {len(returns)} and {seconds:.1f} s")
    print(f"wrote {options.out / 'returns.png'}")


if __name__ == "__main__":
    main()
