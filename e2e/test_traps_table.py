"""The table of traps names tests that exist, and every trap has one."""

from __future__ import annotations

import re

import pytest
from rig.traps import TABLE, TRAPS, collect

pytestmark = pytest.mark.xdist_group("traps")  # the table is made once


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_has_a_test(trap: int) -> None:
    assert collect()[trap], f"no test for: {TRAPS[trap]}"


def test_no_test_names_a_trap_that_does_not_exist() -> None:
    assert collect().keys() <= TRAPS.keys()


def test_the_page_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| (\d+) \| .* \| (.*) \|$", TABLE.read_text(encoding="utf-8"), re.M)
    assert [int(number) for number, _ in rows] == list(TRAPS)
    tests = collect()
    for number, names in rows:
        listed = set(re.findall(r"`([^`]+)`", names))
        gone = listed - set(tests[int(number)])
        assert not gone, "write the page anew: python e2e/rig/traps.py"
        assert listed, "write the page anew: python e2e/rig/traps.py"
