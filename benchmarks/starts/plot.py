"""Bar charts as SVG, written by hand: no library is worth it for this."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

from figures import Spread

_WIDTH, _BAR, _GAP, _LEFT, _TOP, _RIGHT = 860, 18, 10, 210, 62, 190
_DECADE = 10.0


def bars(rows: Mapping[str, Spread], title: str, label: str, unit: str = "ms") -> str:
    """A bar to each median, a line from minimum to maximum; a logarithmic scale.

    ``label`` says what kind of figures these are.
    """
    lowest = _DECADE ** math.floor(math.log10(min(spread.minimum for spread in rows.values())))
    highest = max(spread.maximum for spread in rows.values())
    scale = (_WIDTH - _LEFT - _RIGHT) / math.log10(highest / lowest)

    def across(value: float) -> float:
        return _LEFT + math.log10(value / lowest) * scale

    height = _TOP + len(rows) * (_BAR + _GAP) + _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        ' font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="20" font-size="14">{escape(title)}</text>',
        f'<text x="10" y="38" fill="#555">{escape(label)}; logarithmic scale, min/median/max in'
        f" {escape(unit)}</text>",
    ]
    for row, (name, spread) in enumerate(rows.items()):
        top = _TOP + row * (_BAR + _GAP)
        middle = top + _BAR / 2
        low, mid, high = map(across, (spread.minimum, spread.median, spread.maximum))
        parts += [
            f'<text x="10" y="{middle + 4}">{escape(name)}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{mid - _LEFT:.1f}" height="{_BAR}" fill="#69b"/>',
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="#222"/>',
            f'<text x="{high + 6:.1f}" y="{middle + 4}">{spread}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"
