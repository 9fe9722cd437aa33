"""Times the same call in flambeau and in torch by turns, so that a disturbance hits both."""

import importlib
import math
import time


def libraries(names, threads):
    """The modules that are installed, each told how many threads to use."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        found[name].set_num_threads(threads)
    return found


def block(body, count, clock=time.perf_counter):
    """Seconds per call over `count` calls."""
    start = clock()
    for _ in range(count):
        body()
    return (clock() - start) / count


def calls_for(body, seconds):
    """How many calls make a block of about `seconds`."""
    count = 1
    while True:
        body()
        taken = block(body, count)
        if taken * count > seconds / 4:
            return max(1, math.ceil(seconds / taken))
        count *= 4


def by_turns(bodies, rounds=9, seconds=0.02, pause=0.008, limit=math.inf, clock=time.perf_counter):
    """Best seconds per call of each body; the bodies take turns, with a rest in which idle threads go to sleep.

    After `limit` seconds three rounds must do."""
    end = time.perf_counter() + limit
    counts = {name: calls_for(body, seconds) for name, body in bodies.items()}
    best = dict.fromkeys(bodies, math.inf)
    for done in range(rounds):
        if done >= 3 and time.perf_counter() > end:
            break
        for name, body in bodies.items():
            time.sleep(pause)
            best[name] = min(best[name], block(body, counts[name], clock))
    return best


def readable(seconds):
    """1.2e-05 -> '12.0 us'."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:7.1f} {unit:2s}"
    return f"{seconds / 1e-9:7.1f} ns"


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))
