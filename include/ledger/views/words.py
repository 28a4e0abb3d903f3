"""The words by which journals are found: an index of whole words, beside the ledger's own transactions.

A claim of a million expenses does not stop to write words. Triggers append the journals whose words may have changed to
``search_change``; :func:`index` reads their words later. What is not indexed yet is read at the search itself, as far as
:data:`READ_LIVE` journals, so that a search right after a run finds what the run claimed.

Words are found by their beginning, without regard to case, on every database and without extensions of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from itertools import chain

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views.journal_id import JournalId, these
from include.ledger.views.sums import only_one

READ_LIVE = 200
LONGEST_WORD = 48
_INDEXED_AT_ONCE = 200
_INDEXERS = 7306916
_GREATEST = "\U0010ffff"
_EDGES = ".,;:!?()[]{}<>\"'`*#"
_PARTS = re.compile(r"[^\W_]+")


def plain(text: str) -> str:
    """As words are compared: no case, one form for each character."""
    return unicodedata.normalize("NFKC", text).casefold()


def words_in(text: str | None) -> set[str]:
    """``Ann.Smith@example.com`` is found as a whole and by each of its parts."""
    found: set[str] = set()
    for piece in plain(text or "").split():
        whole = piece.strip(_EDGES)
        found.update(_PARTS.findall(whole), [whole])
    return {word[:LONGEST_WORD] for word in found if word}


def sought(text: str | None) -> list[str]:
    """The beginnings that a person typed; all of them must be found. Empty: nothing to look for."""
    pieces = (piece.strip(_EDGES)[:LONGEST_WORD] for piece in plain(text or "").split())
    return list(dict.fromkeys(piece for piece in pieces if piece))[:8]


class begins_with(sa.sql.expression.ColumnElement[bool]):
    """``column`` begins with ``text``, as a range of an index whatever the database's collation."""

    inherit_cache = False
    # It is two comparisons: SQLite must not be asked whether they equal 1, no index answers that.
    _is_implicitly_boolean = True
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[str], text: str) -> None:
        self.column = column
        self.first = sa.literal(text, sa.Text)
        self.last = sa.literal(text + _GREATEST, sa.Text)


@compiles(begins_with)
def _as_range(element: begins_with, compiler: sa.Compiled, **options: object) -> str:
    low, high = ("~>=~", "~<~") if compiler.dialect.name == "postgresql" else (">=", "<")
    column, first, last = (compiler.process(part, **options) for part in (element.column, element.first, element.last))
    return f"({column} {low} {first} AND {column} {high} {last})"


def search(connection: sa.Connection, tenants: Collection[str], text: str, most: int) -> list[JournalId] | None:
    """The journals that have all of the words; ``None`` when there are more than ``most`` (see :func:`has_words`)."""
    beginnings = sought(text)
    names = sorted(tenants)
    counted = {word: _counted(connection, names, word, most) for word in beginnings}
    rarest = min(beginnings, key=lambda word: counted[word])
    if counted[rarest] > most:
        return None
    word, journal = tables.search_word, tables.search_journal.c
    matching = sa.select(word.c.journal_id).where(word.c.tenant.in_(names), begins_with(word.c.word, rarest)).distinct()
    query = sa.select(journal.tenant, journal.target, journal.journal_key).where(
        journal.id.in_(matching), *(_has_word(journal.id, other) for other in beginnings if other != rarest)
    )
    found = {JournalId(*row) for row in connection.execute(query)}
    live = unindexed(connection, names, READ_LIVE)
    now = {name for name, words in words_of(connection, live).items() if has_all(words, beginnings)}
    return sorted((found - set(live)) | now, key=lambda one: (one.target, one.tenant, one.key))


def _counted(connection: sa.Connection, tenants: Sequence[str], word: str, most: int) -> int:
    columns = tables.search_word.c
    some = sa.select(columns.journal_id).where(columns.tenant.in_(tenants), begins_with(columns.word, word))
    return int(connection.execute(sa.select(sa.func.count()).select_from(some.limit(most + 1).subquery())).scalar_one())


def has_words(text: str, owner: sa.FromClause) -> sa.ColumnElement[bool]:
    """As a condition on ``journal`` rows: for words so frequent that walking the journals soon finds a page of them."""
    journal = tables.search_journal.c
    this = sa.select(journal.id).where(
        journal.target == owner.c.target,
        journal.tenant == owner.c.tenant,
        journal.journal_key == owner.c.journal_key,
        *(_has_word(journal.id, word) for word in sought(text)),
    )
    return sa.exists(this)


def _has_word(journal_id: sa.ColumnElement[int], word: str) -> sa.ColumnElement[bool]:
    columns = tables.search_word.alias().c
    # Part of the key of its table: on PostgreSQL its plain order serves the equality, the beginning is then compared.
    return sa.exists(sa.select(columns.word).where(columns.journal_id == journal_id, begins_with(columns.word, word)))


def has_all(words: Collection[str], beginnings: Iterable[str]) -> bool:
    """Whether every beginning begins one of the words."""
    return all(any(word.startswith(beginning) for word in words) for beginning in beginnings)


def unindexed(connection: sa.Connection, tenants: Collection[str], most: int) -> list[JournalId]:
    """The journals, newest changes first, whose words have not been read since they changed."""
    columns = tables.search_change.c
    query = (
        sa.select(columns.tenant, columns.target, columns.journal_key)
        .where(columns.tenant.in_(sorted(tenants)))
        .order_by(columns.id.desc())
        .limit(most)
    )
    return list(dict.fromkeys(JournalId(*row) for row in connection.execute(query)))


def index(ledger: Ledger, most: int | None = None) -> int:
    """Read the words of what has changed, some journals per transaction; how many journals. Nobody is kept waiting.

    :param most: stop after about so many journals; ``None``: when nothing is left.
    """
    done = 0
    while most is None or done < most:
        some = _index_some(ledger)
        if not some:
            break
        done += some
    return done


def _index_some(ledger: Ledger) -> int:
    change, known, word = tables.search_change, tables.search_journal, tables.search_word
    with ledger.write() as connection:
        if not only_one(connection, ledger, _INDEXERS):
            return 0
        some = sa.select(change.c.id).order_by(change.c.id).limit(_INDEXED_AT_ONCE)
        gone = change.delete().where(change.c.id.in_(some))
        # Who appended is committed, so what it wrote is read below; what is appended meanwhile stays for the next round.
        rows = connection.execute(gone.returning(change.c.tenant, change.c.target, change.c.journal_key)).all()
        found = words_of(connection, [JournalId(*row) for row in rows])
        ids = _ids(connection, list(found))
        fresh = [name for name in found if name not in ids]
        if fresh:
            values = [{"tenant": one.tenant, "target": one.target, "journal_key": one.key} for one in fresh]
            connection.execute(known.insert(), values)
            ids |= _ids(connection, fresh)
        again = [ids[name] for name in found if name not in set(fresh)]
        if again:
            connection.execute(word.delete().where(word.c.journal_id.in_(again)))
        entries = [
            {"journal_id": ids[name], "word": one, "tenant": name.tenant}
            for name, words in found.items()
            for one in sorted(words)
        ]
        if entries:
            connection.execute(word.insert(), entries)
        return len(rows)


def _ids(connection: sa.Connection, names: Sequence[JournalId]) -> dict[JournalId, int]:
    columns = tables.search_journal.c
    query = sa.select(columns.tenant, columns.target, columns.journal_key, columns.id).where(
        these(tables.search_journal, names)
    )
    return {JournalId(*row[:3]): row[3] for row in connection.execute(query)}


def words_of(connection: sa.Connection, names: Sequence[JournalId]) -> dict[JournalId, set[str]]:
    """What the ledger says about each journal now, as words."""
    if not names:
        return {}
    journal, member, report, expense = tables.journal, tables.journal_report, tables.report, tables.expense
    found: dict[JournalId, set[str]] = {}
    own = sa.select(
        *(journal.c[name] for name in ("tenant", "target", "journal_key", "reference", "document_number"))
    ).where(these(journal, names))
    for tenant, target, key, reference, number in connection.execute(own):
        found[JournalId(tenant, target, key)] = {
            plain(text)[:LONGEST_WORD] for text in (key, reference, number, *(reference or "").split()) if text
        }
    reports = (
        sa.select(
            *(member.c[name] for name in ("tenant", "target", "journal_key", "report_id")),
            *(report.c[name] for name in ("name", "submitter_name", "submitter_email")),
        )
        .join_from(
            member, report, sa.and_(*(report.c[name] == member.c[name] for name in ("target", "tenant", "report_id")))
        )
        .where(these(member, names), member.c.left_at.is_(None))
    )
    for tenant, target, key, *texts in connection.execute(reports):
        words = found.setdefault(JournalId(tenant, target, key), set())
        words.update(chain.from_iterable(words_in(text) for text in texts))
    merchants = (
        sa.select(*(expense.c[name] for name in ("tenant", "target", "journal_key", "merchant")))
        .where(these(expense, names), expense.c.merchant.is_not(None))
        .distinct()
    )
    split: dict[str, set[str]] = {}
    for tenant, target, key, merchant in connection.execute(merchants):
        if merchant not in split:
            split[merchant] = words_in(merchant)
        found.setdefault(JournalId(tenant, target, key), set()).update(split[merchant])
    return found
