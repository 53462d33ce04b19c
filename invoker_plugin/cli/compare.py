"""``swift-invoker compare``: how activations were started and how long each phase took.

    swift-invoker compare --action echo --last 100
    swift-invoker compare --action echo versus --action echo-stock
    swift-invoker compare --store http://user:password@host:5984 --since 2026-11-22T15:00:00 --each

Options after ``versus`` select the second set; those not given again are the first set's.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from invoker_plugin.cli import compare_tables
from invoker_plugin.cli.compare_sample import Sample, sample
from invoker_plugin.cli.compare_source import (
    Api,
    CouchStore,
    Query,
    Record,
    Source,
    SourceFault,
    newest,
    read_wskprops,
)
from invoker_plugin.cli.compare_statistics import Table, alike, ratios, tabulate

EXIT_NO_RECORDS = 1
EXIT_USAGE = 64
_VERSUS = "versus"
_DEFAULT_LAST = 200
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Selection:
    """One set: its label, its samples (oldest first), and how many records told nothing."""

    label: str
    samples: list[Sample]
    skipped: int

    @property
    def table(self) -> Table:
        """The set's percentiles."""
        return tabulate(self.samples)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "compare",
        help="percentiles by start kind and phase, from activation records",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_selection(parser)
    parser.add_argument("--each", action="store_true", help="a line for each activation too")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        _VERSUS,
        nargs=argparse.REMAINDER,
        metavar=f"{_VERSUS} OPTIONS",
        help="a second set, shown beside the first",
    )
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, compute, print; answers the exit code."""
    second: list[str] = getattr(arguments, _VERSUS)
    if second and second[0] != _VERSUS:
        text = f"compare: unexpected {second[0]!r}; a second set begins with {_VERSUS!r}"
        print(text, file=sys.stderr)
        return EXIT_USAGE
    wanted = [arguments, *([_second(arguments, second[1:])] if second else [])]
    try:
        selections = [_select(item) for item in wanted]
    except SourceFault as error:
        print(f"compare: {error}", file=sys.stderr)
        return EXIT_NO_RECORDS
    for selection in selections:
        if not selection.samples:
            print(f"compare: {selection.label}: no activation matches", file=sys.stderr)
            return EXIT_NO_RECORDS
    lines = _json_lines(selections) if arguments.json else _lines(selections, arguments.each)
    print("\n".join(lines))
    return 0


def _add_selection(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("where the records are (default: the API of ~/.wskprops)")
    where.add_argument("--apihost", help="OpenWhisk's API host or URL")
    where.add_argument("--auth", help="key, as uuid:key")
    where.add_argument("--wskprops", type=Path, help="file with APIHOST and AUTH")
    where.add_argument("--namespace", help="default: the key's own; with --store: guest")
    where.add_argument("--insecure", action="store_true", help="do not check certificates")
    where.add_argument("--store", metavar="URL", help="CouchDB as http://user:password@host:5984")
    where.add_argument("--database", default="local_activations", help="its activations database")
    which = parser.add_argument_group("which records")
    which.add_argument("--action", help="of one action: name or package/name")
    which.add_argument("--since", type=_moment, help="begun at or after: ms since 1970 or ISO 8601")
    which.add_argument("--upto", type=_moment, help="begun at or before")
    which.add_argument("--last", type=int, metavar="N", help=f"newest N (default {_DEFAULT_LAST})")
    which.add_argument("--id", action="append", dest="ids", metavar="ID", help="one activation")
    which.add_argument("--wait", type=float, default=0.0, metavar="S", help="for those --id names")
    which.add_argument("--label", help="what to call this set")


def _second(first: argparse.Namespace, options: Sequence[str]) -> argparse.Namespace:
    """The second set's options: the first's, but for label and ids, where not given again."""
    parser = argparse.ArgumentParser(prog=f"swift-invoker compare ... {_VERSUS}")
    _add_selection(parser)
    inherited = copy.copy(first)
    inherited.label = inherited.ids = None
    return parser.parse_args(options, inherited)


def _select(arguments: argparse.Namespace) -> Selection:
    source = _source(arguments)
    records = (
        _named(source, arguments.ids, arguments.wait)
        if arguments.ids
        else newest(
            source,
            Query(arguments.action, arguments.since, arguments.upto),
            arguments.last or (None if arguments.since else _DEFAULT_LAST),
        )
    )
    samples = [found for found in map(sample, records) if found is not None]
    samples.sort(key=lambda item: item.start_ms)
    label = arguments.label or arguments.action or "all actions"
    return Selection(label, samples, len(records) - len(samples))


def _source(arguments: argparse.Namespace) -> Source:
    if arguments.store:
        namespace = arguments.namespace or "guest"
        return CouchStore(arguments.store, arguments.database, namespace, arguments.insecure)
    host, key = arguments.apihost, arguments.auth
    if not (host and key):
        path = arguments.wskprops or Path(
            os.environ.get("WSK_CONFIG_FILE", Path.home() / ".wskprops")
        )
        properties = read_wskprops(path)
        host, key = host or properties.get("APIHOST"), key or properties.get("AUTH")
        if not (host and key):
            raise SourceFault(f"{path}: has no APIHOST or no AUTH; give --apihost and --auth")
    return Api(host, key, arguments.namespace or "_", arguments.insecure)


def _named(source: Source, ids: Sequence[str], wait_seconds: float) -> list[Record]:
    """The records of these activations, waiting for those that are still being written."""
    deadline = time.monotonic() + wait_seconds
    records = []
    for activation_id in ids:
        record = source.one(activation_id)
        while record is None and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
            record = source.one(activation_id)
        if record is None:
            raise SourceFault(f"activation {activation_id}: no record (--wait S waits for it)")
        records.append(record)
    return records


def _lines(selections: list[Selection], with_each: bool) -> list[str]:
    lines: list[str] = []
    for selection in selections:
        ignored = f", {selection.skipped} never started ignored" if selection.skipped else ""
        lines.append(f"{selection.label}: {len(selection.samples)} activations{ignored}; all in ms")
        if with_each:
            lines += [*compare_tables.each(selection.samples), ""]
    if len(selections) == 1:
        return lines + compare_tables.percentiles(selections[0].table)
    one, other = selections
    labels = (one.label, other.label)
    return lines + compare_tables.side_by_side(*_comparable(one, other), labels)


def _comparable(one: Selection, other: Selection) -> tuple[Table, Table]:
    """Both sets' percentiles over the start kinds that both can tell apart."""
    first, second = alike(one.samples, other.samples), alike(other.samples, one.samples)
    return tabulate(first), tabulate(second)


def _json_lines(selections: list[Selection]) -> list[str]:
    document: dict[str, Any] = {
        "sets": [
            {
                "label": selection.label,
                "skipped": selection.skipped,
                "activations": [item.to_json() for item in selection.samples],
                "statistics": {
                    start: {phase: summary.to_json() for phase, summary in phases.items()}
                    for start, phases in selection.table.items()
                },
            }
            for selection in selections
        ]
    }
    if len(selections) == 2:
        document["ratios_of_p50"] = ratios(*_comparable(*selections))
    return json.dumps(document, indent=1, ensure_ascii=False).splitlines()


def _moment(text: str) -> int:
    """Ms since 1970 from a number or an ISO 8601 time (UTC where it names no zone)."""
    if text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither ms nor ISO 8601") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp() * 1000)
