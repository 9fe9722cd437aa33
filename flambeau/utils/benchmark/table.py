"""Compare: measurements side by side."""

import enum
import itertools

from .measurement import Measurement, select_unit, trim_sigfig, unit_to_english

__all__ = ["Colorize", "Compare"]


class Colorize(enum.Enum):
    """What a table colours: nothing, columns or rows.

    >>> flambeau.utils.benchmark.Colorize.NONE.value
    'none'
    """

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


class Compare:
    """A table of measurements: a row for each sub_label and number of threads, a column for each description.

    >>> Timer = flambeau.utils.benchmark.Timer
    >>> times = [Timer("x + 1", globals={"x": 1}, label="sum", description=name).timeit(10) for name in ("first", "second")]
    >>> "first" in str(flambeau.utils.benchmark.Compare(times))
    True
    """

    def __init__(self, results):
        self._results = []
        self.extend_results(results)
        self._trim, self._colorize, self._warnings = False, Colorize.NONE, False

    def extend_results(self, results):
        """Add measurements."""
        for result in results:
            if not isinstance(result, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(result)} instead.")
        self._results.extend(results)

    def trim_significant_figures(self):
        """Show only digits that mean something."""
        self._trim = True

    def colorize(self, rowwise=False):
        """Show the best of a row or column in green, the worst in red."""
        self._colorize = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self):
        """Mark times that vary much."""
        self._warnings = True

    def print(self):
        """Print the table."""
        print(str(self))

    def __str__(self):
        merged = Measurement.merge(self._results)
        labels = dict.fromkeys(one.label or one.stmt for one in merged)
        return "\n".join(self._table(label, [m for m in merged if (m.label or m.stmt) == label]) for label in labels)

    def _table(self, label, results):
        columns = list(dict.fromkeys(m.description or "" for m in results))
        unit, scale = select_unit(min(m.median for m in results))
        cells = {(m.num_threads, m.as_row_name, m.description or ""): m for m in results}
        rows = sorted(dict.fromkeys((m.num_threads, m.as_row_name) for m in results), key=lambda row: row[0])
        text = {key: self._cell(m, scale) for key, m in cells.items()}
        first = max(len(name) for _, name in rows) + 6
        widths = [max(len(c), *(len(text.get((*row, c), "")) for row in rows)) + 2 for c in columns]
        lines = [" " * first + " | " + " | ".join(c.center(w) for c, w in zip(columns, widths))]
        for threads, group in itertools.groupby(rows, key=lambda row: row[0]):
            lines.append(f"{threads} threads: ".ljust(len(lines[0]), "-"))
            for row in group:
                shown = [
                    self._coloured(text.get((*row, c), "").rjust(w), row, c, cells) for c, w in zip(columns, widths)
                ]
                lines.append(f"      {row[1]}".ljust(first) + " | " + " | ".join(shown))
        title = f"[ {label} ]".center(len(lines[0]), "-")
        return "\n".join(["[" + title[1:-1] + "]", *lines, "", f"Times are in {unit_to_english(unit)}s ({unit}).", ""])

    def _cell(self, m, scale):
        value = m.median / scale
        value = trim_sigfig(value, m.significant_figures) if self._trim else value
        mark = f" (! {m.iqr / m.median * 100:.0f}%)" if self._warnings and m.has_warnings else ""
        return f"{value:.1f}{mark}"

    def _coloured(self, shown, row, column, cells):
        if self._colorize is Colorize.NONE or not shown.strip():
            return shown
        rowwise = self._colorize is Colorize.ROWWISE
        group = [m.median for key, m in cells.items() if (key[:2] == row if rowwise else key[2] == column)]
        value = cells[tuple(row) + (column,)].median
        colour = 92 if value <= min(group) * 1.05 else 91 if value >= max(group) * 0.95 else None
        return f"\033[{colour}m{shown}\033[0m" if colour else shown
