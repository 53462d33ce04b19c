"""docs/configuration.md lists every setting as it is."""

from __future__ import annotations

from pathlib import Path

from invoker_plugin.config.reference import table
from invoker_plugin.config.settings import all_settings

_PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_page_has_the_table_of_all_settings() -> None:
    assert table() in _PAGE.read_text(encoding="utf-8"), (
        "docs/configuration.md is not up to date: "
        "put in what python -m invoker_plugin.config.reference prints"
    )


def test_no_variable_and_no_name_is_used_twice() -> None:
    declared = list(all_settings())
    variables = [setting.variable for setting in declared if setting.variable]
    assert len(set(variables)) == len(variables)
    assert len({setting.path for setting in declared}) == len(declared)
