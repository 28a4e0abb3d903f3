"""What every ERP has to do when its documents are listed for a comparison with the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from include.erps.port import DocumentList, DocumentsAsked, Draft, Erp, ErpDocument
from include.errors import Misconfigured, Retryable
from include.sandbox.faults import Action, Drop, Fault, Replace, Status, Truncate
from tests.include.erps.adapter import DAY, Adapter

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
SEPTEMBER = (date(2026, 9, 1), date(2026, 9, 30))

LISTING_FAULTS: dict[str, Action] = {
    "dropped": Drop(),
    "cut": Truncate(20),
    "cut-clean": Truncate(20, clean=True),
    "empty": Replace(""),
    "json-null": Replace("null"),
    "empty-object": Replace("{}"),
    "204": Status(204),
    "500": Status(500, "<html></html>"),
    "502": Status(502, "<html></html>"),
    "429": Status(429, "", {"Retry-After": "0"}),
}


def posted(erp: Erp, draft: Draft) -> Draft:
    (verdict,) = erp.check([draft])
    assert verdict.problems == ()
    erp.create(verdict.draft, lambda document: None)
    return verdict.draft


def by_reference(found: DocumentList) -> dict[str, list[ErpDocument]]:
    listed: dict[str, list[ErpDocument]] = {}
    for one in found.documents:
        assert one.reference is not None
        listed.setdefault(one.reference.upper(), []).append(one)
    return listed


class ListingConformance:
    def asked(
        self, adapter: Adapter, *drafts: Draft, days: tuple[date, date] = OCTOBER, named: Sequence[str] = ()
    ) -> DocumentsAsked:
        return DocumentsAsked(drafts, *days, adapter.prefix, tuple(named))

    def test_documents_are_listed_as_they_are(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            drafts = [
                posted(erp, adapter.draft(*cents, key=key))
                for key, cents in {"R1": (12_540,), "R12": (7,), "R3": (10_000, -2_599)}.items()
            ]
            listed = by_reference(erp.documents(self.asked(adapter, *drafts)))
        assert sorted(listed) == sorted(draft.reference.upper() for draft in drafts)
        for draft in drafts:
            (document,) = listed[draft.reference.upper()]
            (held,) = adapter.stored(draft)
            assert (document.number, document.total_cents, document.live) == (held.number, held.total_cents, True)
            assert document.posting_date in (None, DAY)
            assert document.currency in (None, "USD")
            if document.lines is not None:
                assert sorted(document.lines) == sorted(held.lines)

    def test_where_nothing_was_posted_nothing_is_listed(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            (verdict,) = erp.check([adapter.draft()])
            assert erp.documents(self.asked(adapter, verdict.draft)).documents == ()
            assert erp.documents(self.asked(adapter)).documents == ()
        assert adapter.created == 0

    def test_a_document_that_nobody_named_is_listed_or_the_gap_is_stated(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            known = posted(erp, adapter.draft(key="R1"))
            other = posted(erp, adapter.draft(500, key="R9"))
            unnamed = erp.documents(self.asked(adapter, known))
            named = erp.documents(self.asked(adapter, known, named=[other.reference]))
        (found,) = by_reference(named)[other.reference.upper()]
        assert (found.total_cents, found.live) == (500, True)
        if adapter.lists_unknown:
            assert sorted(str(one.number) for one in unnamed.documents) == sorted(
                str(one.number) for one in named.documents
            )
        else:
            assert sorted(by_reference(unnamed)) == [known.reference.upper()]
            assert any("would not be seen" in gap for gap in unnamed.gaps)

    def test_the_days_bind_what_nobody_named(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            known = posted(erp, adapter.draft(key="R1"))
            posted(erp, adapter.draft(500, key="R9"))
            listed = by_reference(erp.documents(self.asked(adapter, known, days=SEPTEMBER)))
        assert sorted(listed) == [known.reference.upper()]

    def test_a_voided_document_is_not_listed_as_live(self, adapter: Adapter) -> None:
        if not adapter.voids:
            pytest.skip("nobody can void a document of this ERP")
        with adapter.open() as erp:
            voided, other = posted(erp, adapter.draft(key="R1")), posted(erp, adapter.draft(key="R2"))
            adapter.void(voided)
            listed = by_reference(erp.documents(self.asked(adapter, voided, other)))
        assert [one for one in listed.get(voided.reference.upper(), []) if one.live] == []
        assert [one.live for one in listed[other.reference.upper()]] == [True]

    def test_an_altered_document_is_listed_as_it_stands(self, adapter: Adapter) -> None:
        if not adapter.alters:
            pytest.skip("nobody can alter a document of this ERP")
        with adapter.open() as erp:
            altered = posted(erp, adapter.draft(key="R1"))
            adapter.alter(altered)
            (document,) = by_reference(erp.documents(self.asked(adapter, altered)))[altered.reference.upper()]
        assert document.total_cents == 12_541

    def test_two_documents_of_one_reference_are_both_listed(self, adapter: Adapter) -> None:
        if not adapter.takes_reference_twice:
            pytest.skip("this ERP refuses a second document with the same reference")
        with adapter.open() as erp:
            draft = posted(erp, adapter.draft())
            erp.create(draft, lambda document: None)
            listed = by_reference(erp.documents(self.asked(adapter, draft)))[draft.reference.upper()]
        assert len({one.number for one in listed}) == 2
        assert [one.live for one in listed] == [True, True]

    def test_more_documents_cost_no_more_questions_than_said(self, adapter: Adapter) -> None:
        asked: list[int] = []
        with adapter.open() as erp:
            drafts = [posted(erp, adapter.draft(key=f"R{number}")) for number in range(1, 4)]
            erp.documents(self.asked(adapter, *drafts))
            drafts += [posted(erp, adapter.draft(key=f"R{number}")) for number in range(4, 10)]
            for named in (drafts[:3], drafts):
                before = len(adapter.sandbox.operations(adapter.service))
                assert len(by_reference(erp.documents(self.asked(adapter, *named)))) >= len(named)
                asked.append(len(adapter.sandbox.operations(adapter.service)) - before)
        most = adapter.questions_per_document * 6
        assert asked[1] - asked[0] <= most

    @pytest.mark.parametrize("name", LISTING_FAULTS)
    def test_a_list_without_a_reliable_answer_is_never_an_empty_one(self, adapter: Adapter, name: str) -> None:
        with adapter.open() as erp:
            draft = posted(erp, adapter.draft())
        with adapter.open(timeout_s=0.6) as erp:
            fault = Fault(adapter.service, adapter.look_up, LISTING_FAULTS[name], when="after", times=99)
            adapter.sandbox.faults.add(fault)
            with pytest.raises(Retryable):
                erp.documents(self.asked(adapter, draft))
            assert fault.struck >= 1

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_refused_list_is_never_an_empty_one(self, adapter: Adapter, status: int) -> None:
        with adapter.open() as erp:
            draft = posted(erp, adapter.draft())
            adapter.sandbox.faults.add(Fault(adapter.service, adapter.look_up, Status(status, ""), times=99))
            with pytest.raises((Retryable, Misconfigured)):
                erp.documents(self.asked(adapter, draft))
