"""Asking one question so that its failure is a finding and never hides the other questions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from include.erps.site import Finding
from include.errors import ExpenseError, Retryable


def ask(subject: str, question: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """The question's findings, or one that says why it could not be answered."""
    try:
        return list(question())
    except Retryable as error:
        return [Finding("blocking", subject, _said(error), "see that it answers from here, then ask again")]
    except ExpenseError as error:
        return [Finding("blocking", subject, _said(error))]
    except Exception as error:  # noqa: BLE001
        # An answer of a shape that nobody foresaw must not hide the other findings. Its text may hold anything.
        return [
            Finding(
                "blocking",
                subject,
                f"could not be checked ({type(error).__name__})",
                "this is an error of the package: report it with the task's log",
            )
        ]


def _said(error: ExpenseError) -> str:
    return " ".join(str(error).split())
