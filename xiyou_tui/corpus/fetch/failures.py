"""What goes wrong while fetching: faults of one request, for the steps in between, and the error that the user meets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xiyou_tui.errors import CorpusError


class FetchError(CorpusError):
    """A text could not be fetched whole. `arrived` and `missing` tell the pages (chapter numbers), for `--json`."""

    code = "fetch"

    def __init__(
        self, what: str, *, kept: str = "", next_step: str = "", code: str = "", arrived: int = 0, missing: Sequence[int] = (), folder: str = ""
    ) -> None:
        super().__init__(what, kept=kept, next_step=next_step, code=code)
        self.arrived = arrived
        self.missing = tuple(missing)
        self.folder = folder

    def as_record(self) -> dict[str, Any]:
        return {**super().as_record(), "arrived": self.arrived, "missing": list(self.missing), "folder": self.folder}


class Fault(Exception):
    """One request failed.

    `lasting`: asking again would not help. `whole`: the next page would fail likewise. `after`: seconds the server asked to wait.
    `tries`: how often this kind is tried at most. `fresh`: what came must be thrown away before the next try.
    `status` and `said`: the number of an HTTP answer, and the server's own word for the error (X-Error-Code), where there were any.
    """

    def __init__(
        self, code: str, reason: str, *, lasting: bool = False, whole: bool = False, after: float | None = None, tries: int = 99, fresh: bool = False
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.lasting = lasting
        self.whole = whole
        self.after = after
        self.tries = tries
        self.fresh = fresh
        self.status = 0
        self.said = ""


class Stopped(Exception):
    """The user asked to stop."""
