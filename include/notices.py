"""What a person is told when a run leaves something open: which journals, why, what to fix where. One message per run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from include.accounting.money import written
from include.ledger.journals import Journal

_MOST_ITEMS = 50
_MOST_REASONS = 10


@dataclass(frozen=True)
class Open:
    """One thing that is open: ``headline`` says what it is, ``reasons`` are (what is wrong, what to change where).

    ``place`` is the task to clear.
    """

    headline: str
    reasons: tuple[tuple[str, str], ...] = ()
    link: str | None = None
    place: str = ""

    def line(self) -> str:
        """All of it in one line, without the link."""
        said = " | ".join(f"{wrong}. {fix}" if fix else wrong for wrong, fix in self.reasons)
        return f"{self.headline}{f': {said}' if said else ''}{f' ({self.place})' if self.place else ''}"


def open_journal(journal: Journal, link: str | None = None, place: str = "") -> Open:
    """A journal that is neither posted nor closed."""
    total = written(journal.total_debit_cents, journal.currency)
    reasons = tuple((reason.headline(), reason.fix) for reason in journal.reasons)
    return Open(f"{journal.key} ({total}) is {journal.state}", reasons, link, place)


@dataclass(frozen=True)
class Notice:
    """The message. ``run`` names the run, ``link`` leads to it.

    Holds nothing of the reports but what the reasons say. Notifiers take ``subject``, ``text`` and ``html``.
    """

    tenant: str
    run: str
    items: tuple[Open, ...]
    link: str | None = None

    @property
    def subject(self) -> str:
        """One line for a subject or a title."""
        count = len(self.items)
        return f"{self.tenant}: {count} {'thing needs' if count == 1 else 'things need'} a person"

    @property
    def text(self) -> str:
        """Plain text, as a chat takes it."""
        lines = [f"{self.subject} in the run {self.run}."]
        for item in self._shown():
            lines += ["", f"{item.headline}{f' ({item.place})' if item.place else ''}"]
            for wrong, fix in item.reasons[:_MOST_REASONS]:
                lines.append(f"  {wrong}")
                if fix:
                    lines.append(f"  -> {fix}")
            if item.link:
                lines.append(f"  {item.link}")
        return "\n".join([*lines, *self._ending()])

    @property
    def html(self) -> str:
        """The same for a mail; everything that comes from outside is escaped."""
        parts = [f"<p>{escape(self.subject)} in the run {escape(self.run)}.</p>", "<ul>"]
        for item in self._shown():
            name = escape(item.headline)
            parts.append(f'<li><a href="{escape(item.link)}">{name}</a>' if item.link else f"<li>{name}")
            for wrong, fix in item.reasons[:_MOST_REASONS]:
                parts.append(f"<br>{escape(wrong)}{f'<br>&rarr; {escape(fix)}' if fix else ''}")
            parts.append("</li>")
        parts.append("</ul>")
        parts += [f"<p>{escape(line)}</p>" for line in self._ending() if line and line != self.link]
        if self.link:
            parts.append(f'<p><a href="{escape(self.link)}">The run in Airflow</a></p>')
        return "\n".join(parts)

    def _shown(self) -> Sequence[Open]:
        return self.items[:_MOST_ITEMS]

    def _ending(self) -> list[str]:
        more = len(self.items) - _MOST_ITEMS
        ending = ["", f"And {more} more: the run's last task names each."] if more > 0 else []
        ending += ["", "What is right is posted. Correct what the lines say, then clear the red boxes of the run."]
        return [*ending, self.link] if self.link else ending
