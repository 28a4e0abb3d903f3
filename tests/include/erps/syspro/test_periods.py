from datetime import date
from itertools import islice
from pathlib import Path

import pytest

from include.erps.fiscal_calendar import Period
from include.erps.syspro.periods import Months, read_calendar
from include.errors import Misconfigured

HEAD = "first_day,last_day,year,period,open\n"


def write(path: Path, text: str) -> str:
    file = path / "calendar.csv"
    file.write_text(HEAD + text, encoding="utf-8-sig")
    return str(file)


def test_months() -> None:
    calendar = read_calendar(None)
    assert calendar.period_of(date(2026, 2, 28)) == Period(2026, 2, date(2026, 2, 1), date(2026, 2, 28))
    following = [str(period) for period in islice(calendar.after(date(2026, 11, 30)), 3)]
    assert following == ["2026/12", "2027/01", "2027/02"]
    january = calendar.period_of(date(2026, 1, 5))
    assert january is not None
    assert Months().steps_back((2026, 2), january) == 1
    assert Months().steps_back((2025, 12), january) == -1
    assert Months().steps_back((2025, 13), january) is None


def test_a_ledger_year_of_its_own(tmp_path: Path) -> None:
    calendar = read_calendar(
        write(
            tmp_path,
            "2026-11-29,2026-12-26,2027,2,yes\n2026-11-01,2026-11-28,2027,1,No\n\n2026-10-04,2026-10-31,2026,13,y\n",
        )
    )
    november = calendar.period_of(date(2026, 11, 28))
    assert november is not None
    assert (november.year, november.number, november.open) == (2027, 1, False)
    assert calendar.period_of(date(2026, 12, 27)) is None
    assert [str(period) for period in calendar.after(date(2026, 10, 31))] == ["2027/01", "2027/02"]
    assert calendar.steps_back((2027, 2), november) == 1
    assert calendar.steps_back((2027, 5), november) is None


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("2026-11-01,2026-11-30,2026,11,maybe\n", "row 2"),
        ("2026-11-01,2026-11-30,2026,16,yes\n", "row 2"),
        ("2026-11-30,2026-11-01,2026,11,yes\n", "row 2"),
        ("2026-11-01,2026-11-30,2026\n", "row 2"),
        ("2026-11-01,2026-11-30,2026,11,yes\n2026-11-30,2026-12-31,2026,12,yes\n", "overlap"),
        ("2026-11-01,2026-11-30,2026,11,yes\n2026-12-01,2026-12-31,2026,11,yes\n", "twice"),
        ("", "no periods"),
    ],
)
def test_a_wrong_calendar_names_the_row(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        read_calendar(write(tmp_path, rows))


def test_a_missing_calendar_is_misconfigured(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_calendar(str(tmp_path / "none.csv"))
