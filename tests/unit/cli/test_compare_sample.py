"""What a record tells: start kind and phases, of ours and of a stock invoker."""

from __future__ import annotations

from invoker_plugin.cli.compare_sample import STOCK_COLD, sample
from tests.unit.cli.records import stock_record, swift_record


def test_a_forked_activation_has_the_phases_that_it_went_through() -> None:
    found = sample(swift_record("f1", "fork", fork_ms=4.1, rdma_ms=6.0))
    assert found is not None
    assert (found.start, found.reason) == ("fork", "a template is ready")
    assert found.phases == {
        "wait": 752.0,
        "queue": 0.4,
        "fork": 4.1,
        "rdma": 6.0,
        "run": 9.5,
        "end-to-end": 892.0,
    }
    assert found.checksum == "ab" * 32


def test_a_stock_record_with_init_time_was_cold_or_prewarmed() -> None:
    found = sample(stock_record())
    assert found is not None
    assert found.start == STOCK_COLD
    assert found.phases == {"wait": 752.0, "init": 131.0, "run": 9.0, "end-to-end": 892.0}


def test_a_stock_record_without_init_time_was_warm() -> None:
    found = sample(stock_record(init_ms=None))
    assert found is not None
    assert found.start == "warm"
    assert found.phases["run"] == 140.0


def test_what_was_never_started_is_no_sample() -> None:
    deleted = stock_record(
        annotations=[{"key": "path", "value": "guest/x"}, {"key": "kind", "value": "unknown"}]
    )
    assert sample(deleted) is None
    sequence = stock_record()
    sequence["annotations"][2]["value"] = "sequence"
    assert sample(sequence) is None


def test_a_document_of_the_store_has_its_status_in_words() -> None:
    stored = stock_record(response={"result": {"error": "x"}, "size": 9, "statusCode": 2})
    del stored["duration"]
    found = sample(stored)
    assert found is not None
    assert found.status == "action developer error"
    assert found.phases["end-to-end"] == 892.0


def test_json_names_the_unit_of_each_duration() -> None:
    found = sample(swift_record("f1", "fork", fork_ms=4.1))
    assert found is not None
    document = found.to_json()
    assert document["fork_ms"] == 4.1
    assert document["end_to_end_ms"] == 892.0
    assert document["container_ms"] is None
