"""A bar chart as SVG, written by hand: no library is worth it for this."""

from __future__ import annotations

from html import escape

from summary import Summary

_WIDTH, _BAR, _GAP, _LEFT, _TOP = 760, 18, 10, 150, 40


def bars(summary: Summary, stage: str, title: str) -> str:
    """A bar for the minimum of each variant, a line on to its median; milliseconds."""
    rows = [(name, found[stage]) for name, found in summary.items() if stage in found]
    longest = max(spread.median for _, spread in rows)
    scale = (_WIDTH - _LEFT - 130) / longest
    height = _TOP + len(rows) * (_BAR + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        ' font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="20" font-size="14">{escape(title)}</text>',
    ]
    for row, (name, spread) in enumerate(rows):
        top = _TOP + row * (_BAR + _GAP)
        middle = top + _BAR / 2
        low, mid = _LEFT + spread.minimum * scale, _LEFT + spread.median * scale
        label = f"{spread.minimum / 1000:.2f} min, {spread.median / 1000:.2f} median"
        parts += [
            f'<text x="10" y="{middle + 4}">{escape(name)}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{low - _LEFT:.1f}" height="{_BAR}" fill="#47a"/>',
            f'<line x1="{low:.1f}" x2="{mid:.1f}" y1="{middle}" y2="{middle}" stroke="#222"/>',
            f'<text x="{mid + 6:.1f}" y="{middle + 4}">{label}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"
