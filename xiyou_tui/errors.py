"""Errors that a person can meet. Every layer raises them; the command line and the screens print them."""

from __future__ import annotations


class XiyouError(Exception):
    """Something the user can act on.

    `code` is stable and machine-readable; `what` says what happened, `kept` what was kept, `next_step` what to do next,
    all in Chinese and without a full stop missing, ready to print.
    """

    code = "error"

    def __init__(self, what: str, *, kept: str = "", next_step: str = "", code: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.kept = kept
        self.next_step = next_step
        if code:
            self.code = code

    def render(self) -> str:
        """The message as lines of text: what happened, what was kept, what to do next."""
        lines = [self.what]
        if self.kept:
            lines.append(f"已保留：{self.kept}")
        if self.next_step:
            lines.append(f"下一步：{self.next_step}")
        return "\n".join(lines)

    def as_record(self) -> dict[str, str]:
        """The message as a JSON-ready record, for `--json`."""
        return {"code": self.code, "what": self.what, "kept": self.kept, "next": self.next_step}


class StorageError(XiyouError):
    """A directory or file of ours can't be read or written."""

    code = "storage"


class SettingsError(XiyouError):
    """A setting has a value its schema does not admit."""

    code = "settings"


class CorpusError(XiyouError):
    """A text can't be imported, or an edition, chapter or citation does not exist."""

    code = "corpus"


class SampleError(XiyouError):
    """A sample can't be saved, imported or found."""

    code = "sample"


class TrainingError(XiyouError):
    """A run can't start, or ended with a failure."""

    code = "training"


class ModelError(XiyouError):
    """A model directory is missing, incomplete or of an unknown kind."""

    code = "model"


class ChatError(XiyouError):
    """An answer could not be produced; the question is kept."""

    code = "chat"


class EvaluationError(XiyouError):
    """A question set can't be read, or an evaluation can't be started, found or read."""

    code = "evaluation"
