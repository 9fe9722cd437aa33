"""Forecast the traffic of the next six hours with an LSTM.

    python examples/lstm_series.py              about 10 seconds on two cores
    python examples/lstm_series.py --quick      one short pass, to see that all is in place

Two years of cars per hour on the interstate I-94 between Minneapolis and St Paul (J. Hogue, "Metro Interstate Traffic
Volume", UCI Machine Learning Repository, 2019; fetched with the PyPI package autots, 1.5 MB). The last eight weeks are held
out. A forecast must beat what needs no network: the same hour last week, and the usual number of that hour of the week. The
network (Hochreiter & Schmidhuber, "Long short-term memory", 1997) sees how the last 24 hours differed from the usual and says
how the next six will.

Mean absolute error to expect, in cars per hour: network 175, the usual 194, last week 236. The network gains most close by
(one hour ahead 138) and on days that are unusual. Writes runs/lstm_series/forecast.png.
"""

import argparse
import csv
import datetime
import io
import time
import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from data import RUNS, read
from tqdm import tqdm

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

PAST, AHEAD = 24, 6  # hours seen, hours forecast
WEEK = 7 * 24
HELD_OUT = 8 * WEEK


# ---- data


def load_hours():
    """The hours and the cars counted in each: a list and an array (17520,)."""
    with zipfile.ZipFile(io.BytesIO(read("autots", "autots/datasets/data/traffic_hourly.zip"))) as inner:
        rows = list(csv.DictReader(io.StringIO(inner.read(inner.namelist()[0]).decode())))
    cars = np.array([float(row["traffic_volume"] or "nan") for row in rows])
    known = np.flatnonzero(~np.isnan(cars))
    places = np.arange(len(cars))
    cars = np.interp(places, known, cars[known])  # the 104 hours that were not counted lie between their neighbours
    return [datetime.datetime.fromisoformat(row["datetime"]) for row in rows], cars


class Traffic:
    """The series as the network sees it; all that is measured on it is measured before the held-out weeks."""

    def __init__(self):
        self.dates, self.cars = load_hours()
        self.end = len(self.cars) - HELD_OUT  # of what may be learned from
        hour = np.array([date.weekday() * 24 + date.hour for date in self.dates])
        usual = np.array([np.median(self.cars[: self.end][hour[: self.end] == h]) for h in range(WEEK)])
        self.usual = usual[hour]
        self.scale = self.cars[: self.end].std()
        unusual = (self.cars - self.usual) / self.scale
        day, week = 2 * np.pi * hour / 24, 2 * np.pi * hour / WEEK
        features = np.stack([unusual, np.sin(day), np.cos(day), np.sin(week), np.cos(week)], 1)
        self.features = flambeau.tensor(features).float()  # (hours, 5)

    def windows(self, now):
        """For each hour in now, (N,): features up to it (N, PAST, 5), and unusual cars after it (N, AHEAD)."""
        past = now[:, None] + flambeau.arange(1 - PAST, 1)
        ahead = now[:, None] + flambeau.arange(1, AHEAD + 1)
        return self.features[past], self.features[ahead, 0]


# ---- model


class Forecaster(nn.Module):
    """An LSTM that reads the past; its last state says all six hours at once."""

    def __init__(self, features=5, hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(hidden, AHEAD)

    def forward(self, past):  # (N, PAST, features)
        states, _ = self.lstm(past)  # (N, PAST, hidden)
        return self.head(self.dropout(states[:, -1]))  # (N, AHEAD)


def train_epoch(model, optimizer, traffic, hours, title, batch=64):
    """One pass over the hours in random order; returns the mean absolute error on the way."""
    model.train()
    losses = []
    bar = tqdm(hours[flambeau.randperm(len(hours))].split(batch), title, unit="batch", leave=False, disable=None)
    for now in bar:
        past, target = traffic.windows(now)
        loss = F.l1_loss(model(past), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item() * traffic.scale)
        bar.set_postfix(error=f"{losses[-1]:.0f}", refresh=False)
    return sum(losses) / len(losses)


@flambeau.no_grad()
def forecast(model, traffic, hours):
    """Cars in the hours after each of these, (N, AHEAD)."""
    model.eval()
    unusual = flambeau.cat([model(traffic.windows(now)[0]) for now in hours.split(512)]).numpy() * traffic.scale
    return traffic.usual[ahead(hours)] + unusual


def ahead(hours):
    """Places of the hours that are forecast from each of these, (N, AHEAD)."""
    return hours.numpy()[:, None] + np.arange(1, AHEAD + 1)


def errors(model, traffic, hours):
    """Mean absolute errors by hours ahead, {who: (AHEAD,)}."""
    places = ahead(hours)
    said = {
        "LSTM": forecast(model, traffic, hours),
        "the usual": traffic.usual[places],
        "last week": traffic.cars[places - WEEK],
    }
    return {who: np.abs(cars - traffic.cars[places]).mean(0) for who, cars in said.items()}


def train(model, traffic, test_hours, options):
    hours = flambeau.arange(PAST - 1, traffic.end - AHEAD)[:: 20 if options.quick else 1]
    epochs = 1 if options.quick else options.epochs
    optimizer = flambeau.optim.Adam(model.parameters(), lr=options.lr)
    schedule = flambeau.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for epoch in range(1, epochs + 1):
        trained = train_epoch(model, optimizer, traffic, hours, f"epoch {epoch}/{epochs}")
        schedule.step()
        tested = errors(model, traffic, test_hours)["LSTM"].mean()
        print(f"epoch {epoch}/{epochs}  error on training hours {trained:5.1f}  held out {tested:5.1f}", flush=True)


# ---- report


def draw_report(path, model, traffic, table):
    """Labor Day and the days around it, one hour and six hours ahead; errors by hours ahead."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4.5), width_ratios=[2.2, 1], layout="constrained")
    start = traffic.dates.index(datetime.datetime(2018, 9, 1))
    shown = np.arange(start, start + 5 * 24)
    dates = [traffic.dates[hour] for hour in shown]
    left.plot(dates, traffic.cars[shown], color="black", linewidth=1.2, label="counted")
    left.plot(dates, traffic.usual[shown], color="0.6", linestyle="--", linewidth=1.2, label="the usual")
    for hours, color in ((1, "#e06000"), (AHEAD, "#4080c0")):
        cars = forecast(model, traffic, flambeau.tensor(shown - hours))[:, hours - 1]
        left.plot(dates, cars, color=color, label=f"LSTM, {hours} h ahead")
    left.set(title="Saturday to Wednesday around Labor Day (3 September 2018)", ylabel="cars per hour", ylim=(0, 8400))
    left.set_xticks(dates[::24], [f"{date:%a %d %b}" for date in dates[::24]], ha="left")
    left.legend(ncols=4, loc="upper left", fontsize="small")
    for (who, by_hour), color in zip(table.items(), ("#e06000", "0.6", "#709040"), strict=True):
        right.plot(range(1, AHEAD + 1), by_hour, "o-", color=color, label=f"{who}: {by_hour.mean():.0f}")
    right.set(title="Mean absolute error, eight weeks held out", xlabel="hours ahead", ylabel="cars per hour")
    right.set_ylim(0)
    right.legend(loc="lower right")
    for panel in (left, right):
        panel.grid(alpha=0.3)
    figure.savefig(path, dpi=90)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6, help="passes over the training hours (6)")
    parser.add_argument("--lr", type=float, default=0.003, help="learning rate at the beginning (0.003)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RUNS / "lstm_series", help="folder to write into")
    parser.add_argument("--quick", action="store_true", help="one short pass, to see that all is in place")
    return parser.parse_args()


def main():
    options = arguments()
    flambeau.manual_seed(options.seed)
    traffic = Traffic()
    test_hours = flambeau.arange(traffic.end - 1, len(traffic.cars) - AHEAD)
    print(f"{traffic.end} hours to learn from, up to {traffic.dates[traffic.end - 1]}; {HELD_OUT} held out")

    model = Forecaster()
    start = time.perf_counter()
    try:
        train(model, traffic, test_hours, options)
    except KeyboardInterrupt:
        print("\nstopped: the rest is about what has been learnt so far")
    seconds = time.perf_counter() - start

    table = errors(model, traffic, test_hours)
    print(f"mean absolute error on held-out hours, in cars per hour, after {seconds:.1f} s of training:")
    for who, by_hour in table.items():
        print(f"  {who:10s} {by_hour.mean():5.1f}   hour by hour " + " ".join(f"{error:3.0f}" for error in by_hour))
    options.out.mkdir(parents=True, exist_ok=True)
    draw_report(options.out / "forecast.png", model, traffic, table)
    print(f"wrote {options.out / 'forecast.png'}")


if __name__ == "__main__":
    main()
