"""The bars: heights by hand."""

from __future__ import annotations

from expensify_erp.page.chart import HEIGHT, charts

from include.ledger.views.overview import MonthAmount


def test_a_bar_is_as_high_as_its_share_of_the_scale() -> None:
    [chart] = charts(
        [
            MonthAmount("2026-11", "USD", "posted", 2, 60_000),
            MonthAmount("2026-11", "USD", "held", 1, 20_000),
            MonthAmount("2026-10", "USD", "posted", 1, 40_000),
        ],
        "2026-11",
        months=2,
    )
    assert chart.currency == "USD"
    # 800.00 rounds up to a scale of 1,000.00 on 154 units (190 less 10 above and 26 below).
    assert [mark.text for mark in chart.scale] == ["0", "500", "1k"]
    assert [mark.text for mark in chart.months] == ["Oct", "Nov"]
    assert [(part.kind, part.height) for part in chart.parts] == [("posted", 61.6), ("posted", 92.4), ("held", 30.8)]
    assert chart.parts[1].y == HEIGHT - 26 - 92.4
    assert chart.parts[2].y == 40.8, "held stands on top of posted"
    assert [(row.month, row.cents["posted"], row.cents["held"]) for row in chart.rows] == [
        ("2026-10", 40_000, 0),
        ("2026-11", 60_000, 20_000),
    ]


def test_currencies_are_never_added() -> None:
    made = charts(
        [MonthAmount("2026-11", "USD", "posted", 1, 100), MonthAmount("2026-11", "JPY", "posted", 1, 5_000_00)],
        "2026-11",
    )
    assert [chart.currency for chart in made] == ["JPY", "USD"]


def test_closed_journals_are_no_money() -> None:
    assert charts([MonthAmount("2026-11", "USD", "closed", 1, 100)], "2026-11") == []


def test_a_month_ahead_is_shown() -> None:
    [chart] = charts([MonthAmount("2026-12", "USD", "drafted", 1, 100)], "2026-11", months=3)
    assert [mark.text for mark in chart.months] == ["Oct", "Nov", "Dec"]
    assert len(chart.parts) == 1


def test_nothing_and_negative_amounts_draw_nothing() -> None:
    [chart] = charts([MonthAmount("2026-01", "EUR", "posted", 1, -500)], "2026-01", months=1)
    assert chart.parts == ()
    assert [mark.text for mark in chart.months] == ["Jan 26"]


def test_a_tiny_amount_can_still_be_seen() -> None:
    [chart] = charts(
        [MonthAmount("2026-11", "USD", "posted", 1, 100_000_000), MonthAmount("2026-11", "USD", "held", 1, 1)],
        "2026-11",
    )
    assert [part.height for part in chart.parts if part.kind == "held"] == [1.0]
