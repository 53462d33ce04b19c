"""What checks found, as a table or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

State = Literal["ok", "info", "warn", "fail"]
_SEEN_WIDTH = 72


@dataclass(frozen=True)
class Finding:
    """One line of the table: what was checked, how it stands, what was seen, what to do."""

    check: str
    state: State
    seen: str
    remedy: str = ""


def failed(findings: Sequence[Finding]) -> bool:
    """True when anything failed; a warning is no failure."""
    return any(finding.state == "fail" for finding in findings)


def as_json(findings: Sequence[Finding]) -> str:
    """An object with ``ok`` and the list ``checks``."""
    checks = [asdict(finding) for finding in findings]
    return json.dumps({"ok": not failed(findings), "checks": checks}, indent=2)


def as_table(findings: Sequence[Finding]) -> str:
    """A line for each finding, its remedy below it, and how many stand how."""
    width = max((len(finding.check) for finding in findings), default=0)
    lines = [f"{'check':<{width}}  state  seen"]
    for finding in findings:
        first, *more = textwrap.wrap(finding.seen, _SEEN_WIDTH) or [""]
        lines.append(f"{finding.check:<{width}}  {finding.state:<5}  {first}")
        lines += [f"{'':<{width}}         {line}" for line in more]
        if finding.remedy and finding.state != "ok":
            remedy = textwrap.wrap(f"-> {finding.remedy}", _SEEN_WIDTH, subsequent_indent="   ")
            lines += [f"{'':<{width}}         {line}" for line in remedy]
    counts = ", ".join(
        f"{sum(finding.state == state for finding in findings)} {state}"
        for state in ("ok", "info", "warn", "fail")
    )
    return "\n".join([*lines, "", counts])
