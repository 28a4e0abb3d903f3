"""Whatever text Expensify holds, the printed lines stay one JSON object each and give the text back."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from include.sandbox.expensify import MARKER
from include.sandbox.expensify.render import render

texts = st.text(min_size=1, max_size=30)
expenses = st.fixed_dictionaries(
    {"transactionID": st.integers(10**15, 10**19), "merchant": texts, "tag": texts}
)
reports = st.fixed_dictionaries(
    {"reportID": texts, "reportName": texts, "transactionList": st.lists(expenses)}
)


@settings(max_examples=60)
@given(st.lists(reports, max_size=5), st.integers(1, 3))
def test_lines_round_trip(given_reports: list[dict[str, object]], size: int) -> None:
    text = render(MARKER, given_reports, size).decode()
    lines = [json.loads(line) for line in text.splitlines()]
    printed = [line for line in lines if line["k"] == "R"]
    assert [(line["reportID"], line["reportName"]) for line in printed] == [
        (report["reportID"], report["reportName"]) for report in given_reports
    ]
    expected = [
        (str(expense["transactionID"]), expense["merchant"], expense["tag"])
        for report in given_reports
        for expense in report["transactionList"]  # type: ignore[attr-defined]
    ]
    found = [(line["transactionID"], line["merchant"], line["tag"]) for line in lines if line["k"] == "E"]
    assert found == expected
    batches = max(1, -(-len(given_reports) // size))
    assert [line["k"] for line in lines].count("B") == batches
    assert [line["k"] for line in lines].count("F") == batches
