"""Latency and throughput by activations in flight, as SVG."""

from __future__ import annotations

from html import escape
from typing import Any

_WIDTH, _BAR, _GAP, _LEFT, _TOP = 760, 16, 8, 210, 34


def chart(title: str, panels: list[tuple[str, list[tuple[str, float]]]]) -> str:
    """Panels one under the other, each with a bar for each name and value."""
    parts: list[str] = []
    top = _TOP
    for heading, rows in panels:
        longest = max((value for _, value in rows), default=1.0) or 1.0
        scale = (_WIDTH - _LEFT - 90) / longest
        parts.append(f'<text x="10" y="{top + 12}" font-weight="bold">{escape(heading)}</text>')
        top += 22
        for name, value in rows:
            middle = top + _BAR / 2 + 4
            parts += [
                f'<text x="24" y="{middle}">{escape(name)}</text>',
                f'<rect x="{_LEFT}" y="{top}" width="{value * scale:.1f}" height="{_BAR}"'
                ' fill="#47a"/>',
                f'<text x="{_LEFT + value * scale + 6:.1f}" y="{middle}">{value:g}</text>',
            ]
            top += _BAR + _GAP
        top += 12
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}"'
        ' font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="20" font-size="14">{escape(title)}</text>',
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


def levels_chart(runs: list[dict[str, Any]]) -> str:
    """All runs' levels."""
    measures = [
        ("answer_p50_ms", "median ms from message to answer"),
        ("per_second", "activations a second"),
        ("cpu_ms_each", "ms of the invoker's CPU an activation"),
    ]
    panels = []
    for key, heading in measures:
        rows = [
            (f"{run['name']}, {level['in_flight']} in flight", level[key])
            for run in runs
            for level in run["levels"]
        ]
        panels.append((heading, rows))
    return chart("A warm no-op activation through one invoker process", panels)
