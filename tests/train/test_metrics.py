"""Metrics in batches against their definitions on everything at once."""

import math

import numpy as np
import pytest

from tests.frame import fl

train = fl.train


def gathered(metric, output, target, sizes=(3, 1, 6)):
    start = 0
    for size in sizes:
        metric.update(fl.tensor(output[start : start + size]), fl.tensor(target[start : start + size]))
        start += size
    return metric.compute()


RNG = np.random.default_rng(0)
SCORES, CLASSES = RNG.normal(size=(10, 4)).astype("float32"), RNG.integers(0, 4, 10)
LOGITS, TRUTH = RNG.normal(size=10).astype("float32"), RNG.integers(0, 2, 10)
VALUES, WANTED = RNG.normal(size=(10, 2)).astype("float32"), RNG.normal(size=(10, 2)).astype("float32")


def rates(found, wanted, label):
    hits = np.sum((found == label) & (wanted == label))
    return hits, np.sum(found == label), np.sum(wanted == label)


def per_class(kind, hits, found, wanted):
    if kind == "precision":
        return hits / found if found else 0.0
    if kind == "recall":
        return hits / wanted if wanted else 0.0
    return 2 * hits / (found + wanted)


def test_accuracy():
    assert gathered(train.Accuracy(), SCORES, CLASSES) == np.mean(SCORES.argmax(1) == CLASSES)
    assert gathered(train.Accuracy(), LOGITS, TRUTH) == np.mean((LOGITS > 0) == TRUTH)
    assert gathered(train.Accuracy(), LOGITS[:, None], TRUTH[:, None]) == np.mean((LOGITS > 0) == TRUTH)
    in_two = [CLASSES[i] in np.argsort(-SCORES[i])[:2] for i in range(10)]
    assert gathered(train.TopKAccuracy(2), SCORES, CLASSES) == np.mean(in_two)


@pytest.mark.parametrize("kind", ["precision", "recall", "f1"])
def test_rates(kind):
    make = {"precision": train.Precision, "recall": train.Recall, "f1": train.F1}[kind]
    found = SCORES.argmax(1)
    rows = [rates(found, CLASSES, c) for c in range(4)]
    occurring = [per_class(kind, *row) for row in rows if row[1] or row[2]]
    assert math.isclose(gathered(make(), SCORES, CLASSES), np.mean(occurring))
    assert math.isclose(gathered(make("micro"), SCORES, CLASSES), per_class(kind, *np.sum(rows, 0)))
    assert math.isclose(gathered(make(), LOGITS, TRUTH), per_class(kind, *rates((LOGITS > 0).astype(int), TRUTH, 1)))


def test_regression():
    away = VALUES.astype("float64") - WANTED
    assert math.isclose(gathered(train.MeanAbsoluteError(), VALUES, WANTED), np.abs(away).mean(), rel_tol=1e-6)
    assert math.isclose(gathered(train.MeanSquaredError(), VALUES, WANTED), (away**2).mean(), rel_tol=1e-6)
    assert math.isclose(gathered(train.RootMeanSquaredError(), VALUES, WANTED), (away**2).mean() ** 0.5, rel_tol=1e-6)
    totals = ((WANTED.astype("float64") - WANTED.mean(0, dtype="float64")) ** 2).sum(0)
    each = 1 - (away**2).sum(0) / totals
    assert math.isclose(gathered(train.R2(), VALUES, WANTED), each.mean(), rel_tol=1e-6)
    assert math.isclose(gathered(train.R2(), VALUES[:, 0], WANTED[:, 0]), each[0], rel_tol=1e-6)
    same = np.ones(10, "float32")
    assert gathered(train.R2(), same, same) == 1.0 and gathered(train.R2(), LOGITS, same) == 0.0
    with pytest.raises(ValueError, match="unsqueeze"):
        train.MeanSquaredError().update(fl.ones(3, 1), fl.ones(3))


def area(scores, wanted):
    """By the definition: all pairs."""
    pairs = scores[wanted == 1][:, None] - scores[wanted == 0][None]
    return np.mean((pairs > 0) + 0.5 * (pairs == 0))


def test_area_under_the_curve():
    coarse = LOGITS.round()  # with ties
    for scores in (LOGITS, coarse):
        assert math.isclose(gathered(train.AUC(), scores, TRUTH), area(scores, TRUTH))
        assert math.isclose(gathered(train.AUC(), scores[:, None], TRUTH[:, None]), area(scores, TRUTH))
    two = np.stack([LOGITS, -LOGITS], 1)
    assert math.isclose(gathered(train.AUC(), two, TRUTH), area(-LOGITS, TRUTH))
    shares = np.exp(SCORES) / np.exp(SCORES).sum(1, keepdims=True)
    each = [area(shares[:, c], (CLASSES == c).astype(int)) for c in np.unique(CLASSES)]
    assert math.isclose(gathered(train.AUC(), SCORES, CLASSES), np.mean(each))
    assert math.isnan(gathered(train.AUC(), LOGITS, np.ones(10)))


def test_one_output():
    for make in (train.Accuracy, train.F1, train.AUC):
        with pytest.raises(ValueError, match=r"\(3, 1\) and target \(3,\).*unsqueeze"):
            make().update(fl.ones(3, 1), fl.ones(3))
    shares = 1 / (1 + np.exp(-LOGITS))
    assert gathered(train.metric("accuracy", 0.5), shares, TRUTH) == np.mean((LOGITS > 0) == TRUTH)
    assert gathered(train.F1(threshold=0.5), shares, TRUTH) == gathered(train.F1(), LOGITS, TRUTH)


def test_labels_that_may_all_be_true():
    wanted = (WANTED > 0).astype(int)
    found = VALUES > 0
    assert gathered(train.Accuracy(threshold=0.0), VALUES, wanted) == np.mean(found == wanted)
    columns = [rates(found[:, c].astype(int), wanted[:, c], 1) for c in range(2)]
    assert math.isclose(
        gathered(train.F1(threshold=0.0), VALUES, wanted), np.mean([per_class("f1", *row) for row in columns])
    )
    assert math.isclose(gathered(train.F1("micro", 0.0), VALUES, wanted), per_class("f1", *np.sum(columns, 0)))
    areas = [area(VALUES[:, c], wanted[:, c]) for c in range(2)]
    assert math.isclose(gathered(train.AUC(), VALUES, wanted), np.mean(areas))


def test_nothing_and_reset():
    for make in (train.Accuracy, train.AUC, train.F1, train.MeanSquaredError, train.R2):
        metric = make()
        assert math.isnan(metric.compute())
        metric.update(
            fl.tensor([1.0, 2.0]),
            fl.tensor([1.0, 1.0]) if make in (train.MeanSquaredError, train.R2) else fl.tensor([1, 0]),
        )
        metric.reset()
        assert math.isnan(metric.compute())


def test_by_name():
    assert isinstance(train.metric("acc"), train.Accuracy) and train.metric(train.F1).name == "f1"

    def worst(output, target):
        return (output - target).abs().max()

    metric = train.metric(worst)
    metric.update(fl.tensor([1.0, 3.0]), fl.tensor([1.0, 1.0]))
    assert metric.compute() == 2.0 and metric.name == "worst"
    with pytest.raises(ValueError, match="accuracy"):
        train.metric("acuracy")
    with pytest.raises(TypeError):
        train.metric(3)
