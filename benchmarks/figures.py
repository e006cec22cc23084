"""One row of the table: a figure measured several times, each time against its floor."""

import statistics
from dataclasses import dataclass, field


@dataclass
class Figure:
    """`samples` are what the goal is about: most are ratios to the floor, measured beside it."""

    what: str
    goal: str
    samples: list[float]
    unit: str = ""  # behind a sample; ratios have none
    least: float | None = None  # the goal in numbers: at least, at most
    most: float | None = None
    floor: str = "none"
    absolute: str = ""  # what was measured, in its own unit, for orientation

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def is_met(self) -> bool:
        return (self.least is None or self.median >= self.least) and (self.most is None or self.median <= self.most)

    def cells(self) -> list[str]:
        spread = f"{_short(min(self.samples))} to {_short(max(self.samples))}"
        value = f"{_short(self.median)}{self.unit}"
        return [self.what, self.floor, self.goal, value, spread, self.absolute, "yes" if self.is_met else "no"]


HEADINGS = ["what", "floor", "goal", "median", "spread", "measured", "met"]


def _short(number: float) -> str:
    return f"{number:.3g}" if abs(number) < 100 else f"{number:.0f}"


@dataclass
class Table:
    """The figures of one database, as Markdown."""

    title: str
    figures: list[Figure] = field(default_factory=list)

    def __str__(self) -> str:
        rows = [HEADINGS, *(figure.cells() for figure in self.figures)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        lines = [f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join([f"\n{self.title}\n", *lines])


def rate(count: int, seconds: float) -> float:
    return count / max(seconds, 1e-9)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
