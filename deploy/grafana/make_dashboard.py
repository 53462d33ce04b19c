"""Writes ``dashboard.json``: ``python deploy/grafana/make_dashboard.py``. Edit here, not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("dashboard.json")
ONLY = 'instance=~"$instance"'
RATE = "[$__rate_interval]"
WIDTH, HEIGHT, COLUMNS = 8, 8, 3
Panel = dict[str, Any]


def rate(metric: str, by: str, labels: str = "") -> str:
    """Per second, summed by labels."""
    chosen = ONLY + (f",{labels}" if labels else "")
    return f"sum by ({by}) (rate(swift_invoker_{metric}{{{chosen}}}{RATE}))"


def quantile(q: float, metric: str, by: str, labels: str = "") -> str:
    """A quantile of a histogram."""
    return f"histogram_quantile({q}, {rate(f'{metric}_bucket', f'{by}, le', labels)})"


def now(metric: str, by: str = "", labels: str = "") -> str:
    """The value of now, summed where ``by`` says."""
    chosen = ONLY + (f",{labels}" if labels else "")
    text = f"swift_invoker_{metric}{{{chosen}}}"
    return f"sum by ({by}) ({text})" if by else text


ROWS: list[tuple[str, list[tuple[str, str, list[tuple[str, str]]]]]] = [
    (
        "Starts",
        [
            ("Activations by start", "ops", [(rate("activations_total", "start"), "{{start}}")]),
            (
                "Activations by outcome",
                "ops",
                [(rate("activations_total", "outcome"), "{{outcome}}")],
            ),
            (
                "End to end, median",
                "s",
                [(quantile(0.5, "phase_seconds", "start", 'phase="end_to_end"'), "{{start}}")],
            ),
            (
                "End to end, 99th percentile",
                "s",
                [(quantile(0.99, "phase_seconds", "start", 'phase="end_to_end"'), "{{start}}")],
            ),
            (
                "Phases of forks, median",
                "s",
                [(quantile(0.5, "phase_seconds", "phase", 'start="fork"'), "{{phase}}")],
            ),
            (
                "Phases of cold starts, median",
                "s",
                [(quantile(0.5, "phase_seconds", "phase", 'start="cold"'), "{{phase}}")],
            ),
        ],
    ),
    (
        "Pool",
        [
            ("Containers", "short", [(now("containers", "state"), "{{state}}")]),
            (
                "Memory",
                "bytes",
                [(now("memory_used_bytes"), "used"), (now("memory_limit_bytes"), "limit")],
            ),
            (
                "Waiting for room",
                "short",
                [(now("buffered"), "waiting"), (now("in_flight"), "in flight")],
            ),
            ("Oldest wait", "s", [(now("oldest_wait_seconds"), "{{instance}}")]),
            (
                "Containers not kept",
                "ops",
                [
                    (rate("containers_removed_total", "cause"), "{{cause}}"),
                    (rate("no_room_total", "instance"), "no room"),
                ],
            ),
            (
                "Given back and ended workers",
                "ops",
                [
                    (rate("activations_returned_total", "cause"), "returned: {{cause}}"),
                    (rate("workers_ended_total", "cause"), "worker: {{cause}}"),
                ],
            ),
        ],
    ),
    (
        "RDMA",
        [
            ("Slots by rung", "short", [(now("rdma_slots", "rung, state"), "{{rung}} {{state}}")]),
            (
                "RDMA set-up, median",
                "s",
                [(quantile(0.5, "phase_seconds", "start", 'phase="rdma"'), "{{start}}")],
            ),
            (
                "Fork, median and 99th percentile",
                "s",
                [
                    (quantile(0.5, "phase_seconds", "start", 'phase="fork"'), "{{start}} median"),
                    (quantile(0.99, "phase_seconds", "start", 'phase="fork"'), "{{start}} 99 %"),
                ],
            ),
        ],
    ),
    (
        "Kafka and controllers",
        [
            (
                "Messages that wait",
                "short",
                [(now("kafka_lag_messages"), "in Kafka"), (now("read_ahead"), "read ahead")],
            ),
            (
                "Delay in Kafka",
                "s",
                [
                    (quantile(0.5, "kafka_delay_seconds", "instance"), "median"),
                    (quantile(0.99, "kafka_delay_seconds", "instance"), "99 %"),
                ],
            ),
            (
                "Pings",
                "ops",
                [
                    (rate("pings_total", "result"), "{{result}}"),
                    (rate("ping_stops_total", "reason"), "stopped: {{reason}}"),
                    (rate("messages_passed_over_total", "cause"), "message {{cause}}"),
                ],
            ),
            (
                "In service",
                "short",
                [
                    (now("enabled"), "enabled {{instance}}"),
                    (now("healthy"), "healthy {{instance}}"),
                    (now("phase", "phase"), "{{phase}}"),
                ],
            ),
        ],
    ),
    (
        "Docker",
        [
            ("Calls", "ops", [(rate("docker_calls_total", "operation"), "{{operation}}")]),
            (
                "Failures",
                "ops",
                [
                    (
                        rate("docker_calls_total", "operation, result", 'result!="ok"'),
                        "{{operation}} {{result}}",
                    )
                ],
            ),
            (
                "Time to answer, median",
                "s",
                [(quantile(0.5, "docker_call_seconds", "operation"), "{{operation}}")],
            ),
            (
                "Networks made ahead",
                "short",
                [
                    (now("ready_networks", "state"), "{{state}}"),
                    (rate("ready_network_starts_total", "result"), "{{result}} a second"),
                ],
            ),
        ],
    ),
    (
        "Records and logs",
        [
            (
                "Records that wait",
                "short",
                [(now("records_waiting"), "records"), (now("records_disk_failing"), "disk fails")],
            ),
            (
                "What they take",
                "bytes",
                [(now("records_memory_bytes"), "memory"), (now("records_disk_bytes"), "disk")],
            ),
            (
                "Records",
                "ops",
                [
                    (rate("records_stored_total", "instance"), "stored"),
                    (rate("records_refused_total", "instance"), "refused"),
                    (rate("records_dropped_total", "instance"), "lost"),
                ],
            ),
            (
                "Time to the store",
                "s",
                [
                    (quantile(0.5, "record_stored_seconds", "instance"), "median"),
                    (quantile(0.99, "record_stored_seconds", "instance"), "99 %"),
                    (now("records_oldest_seconds"), "oldest that waits"),
                ],
            ),
            (
                "Log collection",
                "s",
                [
                    (quantile(0.5, "log_collection_seconds", "instance"), "median"),
                    (quantile(0.99, "log_collection_seconds", "instance"), "99 %"),
                ],
            ),
        ],
    ),
    (
        "Process",
        [
            (
                "Memory",
                "bytes",
                [(f"process_resident_memory_bytes{{{ONLY}}}", "{{instance}}")],
            ),
            (
                "CPU",
                "percentunit",
                [(f"rate(process_cpu_seconds_total{{{ONLY}}}{RATE})", "{{instance}}")],
            ),
            (
                "Files and event loop",
                "short",
                [
                    (f"process_open_fds{{{ONLY}}}", "files"),
                    (now("loop_lag_seconds"), "loop late, s"),
                    (now("info", "version"), "version {{version}}"),
                ],
            ),
        ],
    ),
]


def panels() -> list[Panel]:
    """Rows of three panels."""
    made: list[Panel] = []
    y = 0
    for title, wanted in ROWS:
        place = {"x": 0, "y": y, "w": WIDTH * COLUMNS, "h": 1}
        made.append(
            {"type": "row", "title": title, "gridPos": place, "collapsed": False, "panels": []}
        )
        y += 1
        for index, (name, unit, queries) in enumerate(wanted):
            row, column = divmod(index, COLUMNS)
            place = {"x": column * WIDTH, "y": y + row * HEIGHT, "w": WIDTH, "h": HEIGHT}
            made.append(_panel(name, unit, queries, place))
        y += HEIGHT * -(-len(wanted) // COLUMNS)
    for number, panel in enumerate(made, 1):
        panel["id"] = number
    return made


def _panel(name: str, unit: str, queries: list[tuple[str, str]], place: dict[str, int]) -> Panel:
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "type": "timeseries",
        "title": name,
        "datasource": source,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": source,
                "expr": expr,
                "legendFormat": legend,
            }
            for index, (expr, legend) in enumerate(queries)
        ],
    }


def dashboard() -> dict[str, Any]:
    """All of it, as Grafana imports it."""
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "title": "Swift invokers",
        "uid": "swift-invokers",
        "tags": ["openwhisk", "swift-invoker"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "type": "datasource",
                    "query": "prometheus",
                    "label": "Source",
                },
                {
                    "name": "instance",
                    "type": "query",
                    "label": "Invoker",
                    "datasource": source,
                    "query": "label_values(swift_invoker_info, instance)",
                    "refresh": 2,
                    "multi": True,
                    "includeAll": True,
                },
            ]
        },
        "panels": panels(),
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(dashboard(), indent=1) + "\n")
