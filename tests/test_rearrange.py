"""func.rearrange: patterns, with torch's results, and what is wrong with others."""

import pytest

from tests.frame import fl

rearrange = fl.func.rearrange
X = fl.arange(24.0).reshape(2, 3, 4)

PATTERNS = [
    ("a b c -> c a b", {}, lambda x: x.permute(2, 0, 1)),
    ("a b c -> (a b) c", {}, lambda x: x.reshape(6, 4)),
    ("a b (c d) -> a d b c", {"d": 2}, lambda x: x.reshape(2, 3, 2, 2).permute(0, 3, 1, 2)),
    ("... c -> c ...", {}, lambda x: x.permute(2, 0, 1)),
    ("a ... -> a (...)", {}, lambda x: x.reshape(2, 12)),
    ("a ... -> (... a)", {}, lambda x: x.permute(1, 2, 0).reshape(24)),
    ("a b c ... -> a b c ...", {}, lambda x: x),
    ("a b c -> a 1 b c", {}, lambda x: x[:, None]),
    ("a b c -> a () b c", {}, lambda x: x[:, None]),
    ("a (b 1) c -> a b c", {}, lambda x: x),
    ("a b c -> (c b a)", {}, lambda x: x.permute(2, 1, 0).reshape(24)),
    (" a b c->c b a", {}, lambda x: x.permute(2, 1, 0)),
    ("(x a) b c -> a x b c", {"x": 2}, lambda x: x[None].reshape(2, 1, 3, 4).permute(1, 0, 2, 3)),
]


@pytest.mark.parametrize("pattern, lengths, expected", PATTERNS, ids=[p for p, _, _ in PATTERNS])
def test_patterns(pattern, lengths, expected):
    found = rearrange(X, pattern, **lengths)
    assert found.equal(expected(X))
    x = X.clone().requires_grad_()
    rearrange(x, pattern, **lengths).square().sum().backward()
    assert x.grad.equal(2 * X)


def test_others():
    assert rearrange([X, X], "l a b c -> a (l b) c").shape == (2, 6, 4)
    assert rearrange(fl.ones(2, 1, 3), "a 1 c -> c a").shape == (3, 2)
    assert rearrange(fl.ones(0, 3), "a b -> b a").shape == (3, 0)
    assert rearrange(fl.tensor(2.0), "... -> ... 1").tolist() == [2]
    assert fl.vmap(lambda x: rearrange(x, "b c -> (c b)"))(X).equal(X.transpose(1, 2).reshape(2, 12))


REFUSED = [
    ("a b -> a b", {}, r"pattern \(2\) must be equal to the number of dimensions in the tensor \(3\)"),
    ("a b c d ... -> a", {}, "only on one side"),
    ("a b c d ... -> a b c d ...", {}, r"pattern \(4\) must be at most"),
    ("a b c -> a b", {}, "only on one side of rearrange expression .*: c"),
    ("a b (c d) -> a b c d", {}, "cannot infer the sizes of two dimensions at once: c and d"),
    ("a b (c d) -> a b c d", {"c": 3}, r"sizes of \(c d\) do not fit a dimension of size 4"),
    ("a b c -> a b c", {"a": 5}, "do not fit a dimension of size 2"),
    ("a a b -> a b", {}, "duplicate dimension 'a'"),
    ("a b c", {}, "single '->' separator"),
    ("a b c -> a b c -> c", {}, "single '->' separator"),
    ("a b c -> a ... c b", {}, "Ellipsis found in right side, but not left side"),
    ("a (...) c -> a c", {}, "Ellipsis is parenthesis in the left side"),
    ("(... a) b -> a b", {}, "Ellipsis is parenthesis in the left side|one side"),
    ("a b c -> c b a", {"z": 2}, "Identifiers not found in rearrange expression: {'z'}"),
    ("a (b (c)) -> a b c", {}, "brackets inside brackets"),
    ("(a b c -> c", {}, "Imbalanced parentheses"),
    ("a) b c -> c", {}, "Imbalanced parentheses"),
    ("a b 3 -> a b 3", {}, "unnamed axes of size 1"),
    ("_a b c -> b c _a", {}, "Invalid axis identifier: _a"),
    ("a.. b c -> c", {}, "dots only inside ellipsis"),
    ("a ... b ... -> a", {}, "only one ellipsis"),
    ("a-b c -> c", {}, "Unknown character '-'"),
]


@pytest.mark.parametrize("pattern, lengths, message", REFUSED, ids=[p for p, _, _ in REFUSED])
def test_refusals(pattern, lengths, message):
    with pytest.raises(ValueError, match=message):
        rearrange(X, pattern, **lengths)
