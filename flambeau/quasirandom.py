"""Sobol sequences: points that fill the unit cube more evenly than random ones.

Source: S. Joe and F. Y. Kuo, Constructing Sobol sequences with better two-dimensional projections, SIAM J. Sci. Comput. 30
(2008); the order of points is that of I. A. Antonov and V. M. Saleev (1979); scrambling is J. Matousek's (1998).
"""

import functools
from pathlib import Path

import flambeau

__all__ = ["SobolEngine"]

_BITS = 30
# How many primitive polynomials over the integers modulo 2 there are of degree 1, 2, ...; each gives one dimension.
_COUNTS = (1, 1, 2, 2, 6, 6, 18, 16, 48, 60, 176, 144, 630, 756, 1800, 2048, 7710, 7776)


def _prime_factors(n):
    found, d = [], 2
    while d * d <= n:
        if n % d == 0:
            found.append(d)
            n //= d
        else:
            d += 1
    return {*found, n} - {1}


def _power_of_x(exponent, polynomials, degree):
    """x**exponent modulo each of the polynomials, as arrays of bits."""
    import numpy as np

    result = np.ones_like(polynomials)
    for bit in bin(exponent)[2:]:
        product, factor = np.zeros_like(result), result.copy()
        for place in range(degree):  # result squared
            product ^= np.where(result >> place & 1, factor, 0)
            factor <<= 1
            factor ^= np.where(factor >> degree & 1, polynomials, 0)
        if bit == "1":
            product <<= 1
            product ^= np.where(product >> degree & 1, polynomials, 0)
        result = product
    return result


@functools.cache
def _primitive(degree):
    """The primitive polynomials of a degree, in order, as arrays of bits."""
    import numpy as np

    order = 2**degree - 1
    found = np.arange(2**degree + 1, 2 ** (degree + 1), 2, dtype=np.int64)
    found = found[_power_of_x(order, found, degree) == 1]
    for factor in _prime_factors(order):
        found = found[_power_of_x(order // factor, found, degree) != 1]
    return found


def _first_numbers(bits, begin, degree, count):
    """The `degree` first direction numbers of a degree's dimensions: they are odd, the i-th has i bits; sobol.bin has the
    others of their bits, number by number. Also the place where the next degree begins."""
    import numpy as np

    numbers = np.ones((count, degree), np.int64)
    total = _COUNTS[degree - 1]
    for i in range(1, degree):
        free = bits[begin : begin + total * i].reshape(total, i)[:count].astype(np.int64)
        numbers[:, i] += free @ (2 << np.arange(i)[::-1])
        begin += total * i
    return numbers, begin


def _directions(dimension):
    """The direction numbers, (dimension, 30): each dimension's follow from its first ones and its polynomial."""
    import numpy as np

    path = Path(__file__).with_name("sobol.bin")
    bits = np.unpackbits(np.frombuffer(path.read_bytes(), np.uint8))
    found = np.ones((dimension, _BITS), np.int64)
    place = 0
    row = 1
    for degree, total in enumerate(_COUNTS, 1):
        count = min(total, dimension - row)
        if count <= 0:
            break
        first, place = _first_numbers(bits, place, degree, count)
        found[row : row + count] = _extended(first, _primitive(degree)[:count], degree)
        row += count
    return found << np.arange(_BITS)[::-1]


def _extended(first, polynomials, degree):
    """All direction numbers from the first ones."""
    import numpy as np

    numbers = np.zeros((len(first), _BITS), np.int64)
    numbers[:, :degree] = first
    for j in range(degree, _BITS):
        numbers[:, j] = numbers[:, j - degree] ^ (numbers[:, j - degree] << degree)
        for k in range(1, degree):
            numbers[:, j] ^= np.where(polynomials >> (degree - k) & 1, numbers[:, j - k] << k, 0)
    return numbers


def _scrambled(state, matrices):
    """Direction numbers, as columns of bits, times lower triangular matrices of bits; their diagonals are ones."""
    import numpy as np

    places = np.arange(_BITS)[::-1]
    columns = state[:, :, None] >> places & 1  # (dimension, number, bit), the highest bit first
    matrices = np.tril(matrices, -1) + np.eye(_BITS, dtype=np.int64)
    return (np.einsum("dnb,dcb->dnc", columns, matrices, optimize=True) & 1) @ (1 << places)


class SobolEngine:
    """Points of a Sobol sequence in the unit cube.

    Args:
        dimension: of the cube, up to 21201.
        scramble: whether the sequence is scrambled at random; its points stay evenly spread.
        seed: of the scrambling; from the system if None.

    >>> flambeau.quasirandom.SobolEngine(2).draw(3)
    tensor([[0.0000, 0.0000],
            [0.5000, 0.5000],
            [0.7500, 0.2500]])
    """

    MAXBIT = _BITS
    MAXDIM = 1 + sum(_COUNTS)

    def __init__(self, dimension, scramble=False, seed=None):
        if not isinstance(dimension, int):
            raise TypeError(f"[SobolEngine] dimension must be an int, got {type(dimension).__name__}")
        if dimension > self.MAXDIM or dimension < 1:
            raise ValueError(f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]")
        self.dimension, self.scramble, self.seed = dimension, scramble, seed
        state = _directions(dimension)
        self.shift = flambeau.zeros(dimension, dtype=flambeau.int64)
        if scramble:
            state = self._scramble(state)
        self.sobolstate = flambeau.from_numpy(state)
        self.reset()
        self._first_point = (self.quasi / 2**_BITS).reshape(1, -1)

    def _scramble(self, state):
        """Draw the shift and the matrices, and return the scrambled direction numbers."""
        generator = flambeau.Generator()
        generator.seed() if self.seed is None else generator.manual_seed(self.seed)
        bits = flambeau.randint(2, (self.dimension, _BITS), generator=generator)
        self.shift = (bits << flambeau.arange(_BITS)).sum(-1)
        matrices = flambeau.randint(2, (self.dimension, _BITS, _BITS), generator=generator)
        return _scrambled(state, matrices.numpy())

    def draw(self, n=1, out=None, dtype=None):
        """The next n points of the sequence.

        Args:
            n: how many.
            out: a tensor for the points.
            dtype: float32 or float64; the default one if None.

        Returns:
            (n, dimension), each number in [0, 1).
        """
        dtype = flambeau.get_default_dtype() if dtype is None else dtype
        if dtype not in (flambeau.float32, flambeau.float64):
            raise NotImplementedError(f"[SobolEngine.draw] dtype must be torch.float32 or torch.float64, got {dtype}")
        if n < 0:
            raise RuntimeError(f"[SobolEngine.draw] n must not be negative, got {n}")
        first = self.num_generated == 0 and n > 0
        points = self._advance(n - first)
        result = flambeau.from_numpy(points).to(dtype) * 2.0**-_BITS
        if first:
            result = flambeau.cat((self._first_point.to(dtype), result))
        self.num_generated += n
        return result if out is None else out.resize_as_(result).copy_(result)

    def _advance(self, n):
        """The next n points as integers; the last one becomes the current one."""
        import numpy as np

        start = max(self.num_generated - 1, 0)
        count = ~np.arange(start, start + n)
        lowest_zero = np.log2((count & -count).astype(np.float64)).astype(np.int64)
        steps = self.sobolstate.numpy().T[lowest_zero]
        points = np.bitwise_xor.accumulate(np.concatenate([self.quasi.numpy()[None], steps]), axis=0)
        self.quasi = flambeau.from_numpy(points[-1].copy())
        return points[1:]

    def draw_base2(self, m, out=None, dtype=None):
        """The next 2**m points, where with them there are a power of two: only then are points balanced.

        Args:
            m: logarithm of the number of points.
            out, dtype: as of draw().

        Raises:
            ValueError: if there would be another number of points.
        """
        n = 2**m
        total = self.num_generated + n
        if total & (total - 1):
            raise ValueError(
                "The balance properties of Sobol' points require n to be a power of 2. "
                f"{self.num_generated} points have been previously generated, then: n={self.num_generated}+2**{m}={total}. "
                "If you still want to do this, please use 'SobolEngine.draw()' instead."
            )
        return self.draw(n, out=out, dtype=dtype)

    def reset(self):
        """Go back to the beginning."""
        self.quasi = self.shift.clone()
        self.num_generated = 0
        return self

    def fast_forward(self, n):
        """Leave out the next n points."""
        if n > 0:
            self._skip(n - (self.num_generated == 0))
            self.num_generated += n
        return self

    def _skip(self, n):
        """Point number i is the exclusive or of the direction numbers at the bits of i ^ (i >> 1), Gray's code."""
        import numpy as np

        start = max(self.num_generated - 1, 0)
        changed = (start ^ start >> 1) ^ (start + n ^ start + n >> 1)
        places = [place for place in range(_BITS) if changed >> place & 1]
        steps = np.bitwise_xor.reduce(self.sobolstate.numpy()[:, places], axis=1)
        self.quasi = flambeau.from_numpy(self.quasi.numpy() ^ steps)

    def __repr__(self):
        parts = [f"dimension={self.dimension}"]
        parts += ["scramble=True"] if self.scramble else []
        parts += [f"seed={self.seed}"] if self.seed is not None else []
        return f"{type(self).__name__}({', '.join(parts)})"
