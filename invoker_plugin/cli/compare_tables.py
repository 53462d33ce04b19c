"""Tables of ``swift-invoker compare``, as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from invoker_plugin.cli.compare_sample import PHASES, Sample
from invoker_plugin.cli.compare_statistics import Summary, Table, ratios, start_kinds

_NONE = "-"
_EACH_PHASES = ("wait", "container", "init", "fork", "rdma", "run", "end-to-end")
_COLUMNS = ("count", "min", "p50", "p90", "p99", "max")
_TITLES = {"rdma": "RDMA set-up"}
_CHECKSUM_SHOWN = 16


def each(samples: Sequence[Sample]) -> list[str]:
    """A line for each activation, in the order given; durations in ms."""
    titles = [_TITLES.get(phase, phase) for phase in _EACH_PHASES]
    header = ["start", "reason", *titles, "sha256 of result", "activation", "status"]
    rows = [
        [
            item.start,
            item.reason or _NONE,
            *(_milliseconds(item.phases.get(phase)) for phase in _EACH_PHASES),
            item.checksum[:_CHECKSUM_SHOWN] if item.checksum else _NONE,
            item.activation_id,
            item.status,
        ]
        for item in samples
    ]
    return _aligned(header, rows, numeric=range(2, 2 + len(_EACH_PHASES)))


def percentiles(table: Table) -> list[str]:
    """A line for each start kind and phase of one set; durations in ms."""
    rows = [
        [start, _TITLES.get(phase, phase), *_cells(table[start][phase])]
        for start in start_kinds(table)
        for phase in PHASES
        if phase in table[start]
    ]
    header = ["start", "phase", *_COLUMNS]
    return _aligned(header, rows, numeric=range(2, len(header)))


def side_by_side(
    first: Table, second: Table, labels: tuple[str, str] = ("first", "second")
) -> list[str]:
    """Both sets' percentiles and, last, how many times the second's median is the first's."""
    times = ratios(first, second)
    rows: list[list[str]] = []
    for start in start_kinds(first, second):
        for phase in PHASES:
            one, other = first.get(start, {}).get(phase), second.get(start, {}).get(phase)
            if one is None and other is None:
                continue
            ratio = times.get(start, {}).get(phase)
            shown = _NONE if ratio is None else f"{ratio:.3g}"
            title = _TITLES.get(phase, phase)
            rows.append([start, title, *_cells(one), "|", *_cells(other), "|", shown])
    header = ["start", "phase", *_COLUMNS, "|", *_COLUMNS, "|", "ratio of p50"]
    lines = _aligned(header, rows, numeric=range(2, len(header)))
    return [f"left: {labels[0]}; right: {labels[1]}; ratio = right / left", *lines]


def _cells(summary: Summary | None) -> list[str]:
    if summary is None:
        return [_NONE] * len(_COLUMNS)
    durations = (summary.minimum, summary.p50, summary.p90, summary.p99, summary.maximum)
    return [str(summary.count), *(_milliseconds(value) for value in durations)]


def _milliseconds(value: float | None) -> str:
    """Enough digits to tell a fork's phases apart, no more than were measured."""
    if value is None:
        return _NONE
    if value == int(value) or value >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _aligned(header: list[str], rows: list[list[str]], numeric: range) -> list[str]:
    widths = [max(len(row[index]) for row in [header, *rows]) for index in range(len(header))]
    lines = []
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [
            cell.rjust(widths[index]) if index in numeric else cell.ljust(widths[index])
            for index, cell in enumerate(row)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
