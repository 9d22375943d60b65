"""Conversations kept in the database: questions, answers with their citations, ratings; listed, searched, renamed, exported."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from xiyou_tui.chat.model import MODES, REFUSAL, Answer, Exchange, part_text
from xiyou_tui.errors import ChatError

TITLE_LENGTH = 24


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation as lists show it; times are seconds since the epoch, `questions` how many were asked."""

    id: str
    title: str
    created: float
    changed: float
    questions: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One message: role is "user" or "assistant"; an assistant's message may hold its whole answer; rating is -1, 0 or 1."""

    number: int
    conversation: str
    role: str
    text: str
    time: float
    rating: int = 0
    answer: Answer | None = None


class ConversationStore:
    """Reads and writes conversations. Belongs to the thread of its connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def create(self, title: str = "") -> Conversation:
        """A new, empty conversation; its title becomes the first question when none is given."""
        now = time.time()
        made = Conversation(uuid.uuid4().hex[:12], title.strip(), now, now)
        self._connection.execute(
            "INSERT INTO conversation (id, title, created, changed) VALUES (?, ?, ?, ?)",
            (made.id, made.title, made.created, made.changed),
        )
        return made

    def list(self, text: str = "", *, limit: int = 500) -> tuple[Conversation, ...]:
        """Conversations, last changed first; with `text`, those whose title or messages contain it."""
        pattern = f"%{text.replace('~', '~~').replace('%', '~%').replace('_', '~_')}%"
        rows = self._connection.execute(
            """SELECT c.*, (SELECT count(*) FROM message m WHERE m.conversation = c.id AND m.role = 'user') AS questions
               FROM conversation c WHERE c.deleted IS NULL
               AND (c.title LIKE ? ESCAPE '~'
                    OR EXISTS (SELECT 1 FROM message m WHERE m.conversation = c.id AND m.text LIKE ? ESCAPE '~'))
               ORDER BY c.changed DESC, c.rowid DESC LIMIT ?""",
            (pattern, pattern, limit),
        ).fetchall()
        return tuple(_conversation(row) for row in rows)

    def get(self, conversation: str) -> Conversation:
        """The conversation with this id; raises ChatError when there is none."""
        row = self._connection.execute(
            """SELECT c.*, (SELECT count(*) FROM message m WHERE m.conversation = c.id AND m.role = 'user') AS questions
               FROM conversation c WHERE c.id = ?""",
            (conversation,),
        ).fetchone()
        if row is None:
            raise ChatError(f"没有对话「{conversation}」。", next_step="从对话列表里选一个，或新开一个。", code="no-conversation")
        return _conversation(row)

    def messages(self, conversation: str) -> tuple[Message, ...]:
        """All messages of a conversation, oldest first."""
        rows = self._connection.execute(
            "SELECT * FROM message WHERE conversation = ? ORDER BY number", (conversation,)
        ).fetchall()
        return tuple(_message(row) for row in rows)

    def add_question(self, conversation: str, text: str) -> Message:
        """Keep a question before it is answered, so that it survives whatever happens to the answer."""
        now = time.time()
        title = " ".join(text.split())[:TITLE_LENGTH]
        with self._transaction():
            number = self._insert(conversation, "user", text, {}, now)
            self._connection.execute(
                "UPDATE conversation SET changed = ?, title = CASE WHEN title = '' THEN ? ELSE title END WHERE id = ?",
                (now, title, conversation),
            )
        return Message(number, conversation, "user", text, now)

    def add_answer(self, conversation: str, answer: Answer) -> Message:
        """Keep a finished answer with its parts, citations and trace."""
        now = time.time()
        with self._transaction():
            number = self._insert(conversation, "assistant", answer.text, answer.as_detail(), now)
            self._connection.execute("UPDATE conversation SET changed = ? WHERE id = ?", (now, conversation))
        return Message(number, conversation, "assistant", answer.text, now, 0, answer)

    def replace_answer(self, message: int, answer: Answer) -> None:
        """Put a new answer in the place of an old one (ask again)."""
        self._connection.execute(
            "UPDATE message SET text = ?, detail = ?, rating = 0, time = ? WHERE number = ?",
            (answer.text, json.dumps(answer.as_detail(), ensure_ascii=False), time.time(), message),
        )

    def truncate(self, conversation: str, message: int) -> None:
        """Drop a message and all after it (a question is edited and asked again)."""
        with self._transaction():
            self._connection.execute(
                """UPDATE preference SET message = NULL
                   WHERE message IN (SELECT number FROM message WHERE conversation = ? AND number >= ?)""",
                (conversation, message),
            )
            self._connection.execute("DELETE FROM message WHERE conversation = ? AND number >= ?", (conversation, message))

    def rate(self, message: int, rating: int) -> None:
        """👍 is 1, 👎 is -1, 0 takes the rating back."""
        if rating not in (-1, 0, 1):
            raise ChatError(f"评价只能是 1、0 或 -1，不能是 {rating}。")
        self._connection.execute("UPDATE message SET rating = ? WHERE number = ?", (rating, message))

    def rename(self, conversation: str, title: str) -> Conversation:
        """Give a conversation another title."""
        if not title.strip():
            raise ChatError("对话的名字不能是空的。", kept="原来的名字没有改动。")
        self._connection.execute("UPDATE conversation SET title = ? WHERE id = ?", (title.strip(), conversation))
        return self.get(conversation)

    def delete(self, conversation: str) -> None:
        """Take a conversation off the list; `restore` brings it back."""
        self._connection.execute("UPDATE conversation SET deleted = ? WHERE id = ?", (time.time(), conversation))

    def restore(self, conversation: str) -> Conversation:
        """Bring a deleted conversation back."""
        self._connection.execute("UPDATE conversation SET deleted = NULL WHERE id = ?", (conversation,))
        return self.get(conversation)

    def history(self, conversation: str, *, before: int | None = None) -> tuple[Exchange, ...]:
        """The finished question-answer pairs of a conversation, oldest first (only those before message `before`)."""
        pairs: list[Exchange] = []
        question = ""
        for message in self.messages(conversation):
            if before is not None and message.number >= before:
                break
            if message.role == "user":
                question = message.text
            elif question:
                pairs.append(Exchange(question, message.text))
                question = ""
        return tuple(pairs)

    def refused(self, *, limit: int = 200) -> tuple[Message, ...]:
        """Answers that refused, newest first and one per question: the list to work through."""
        rows = self._connection.execute(
            """SELECT m.* FROM message m JOIN conversation c ON c.id = m.conversation
               WHERE c.deleted IS NULL AND m.role = 'assistant' AND json_extract(m.detail, '$.refused') = 1
               AND m.number IN
                   (SELECT max(number) FROM message WHERE role = 'assistant' GROUP BY json_extract(detail, '$.question'))
               ORDER BY m.number DESC LIMIT ?""",
            (limit,),
        ).fetchall()
        return tuple(_message(row) for row in rows)

    def as_record(self, conversation: str) -> dict[str, Any]:
        """A whole conversation as JSON-ready data."""
        found = self.get(conversation)
        return {
            "id": found.id,
            "title": found.title,
            "created": found.created,
            "changed": found.changed,
            "messages": [
                {
                    "role": message.role,
                    "text": message.text,
                    "time": message.time,
                    "rating": message.rating,
                    **({"answer": message.answer.as_detail()} if message.answer else {}),
                }
                for message in self.messages(conversation)
            ],
        }

    def as_markdown(self, conversation: str) -> str:
        """A whole conversation as Markdown: evidence as block quotes with their marks, summaries as plain text."""
        found = self.get(conversation)
        lines = [f"# {found.title or '对话'}", ""]
        for message in self.messages(conversation):
            if message.role == "user":
                lines += [f"**问：{message.text}**", ""]
                continue
            answer = message.answer
            if answer is None:
                lines += [message.text, ""]
                continue
            who = MODES[answer.mode] + (f" · {answer.model}" if answer.model else "")
            lines += [f"答（{who}）{'：' + REFUSAL if answer.refused else '：'}", ""]
            for part in answer.parts:
                text = part_text(part, answer.citations).replace("\n", "  \n> " if part.kind == "evidence" else "  \n")
                lines += [f"> {text}" if part.kind == "evidence" else text, ""]
        return "\n".join(lines).rstrip() + "\n"

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def _insert(self, conversation: str, role: str, text: str, detail: dict[str, Any], now: float) -> int:
        cursor = self._connection.execute(
            "INSERT INTO message (conversation, role, text, detail, time) VALUES (?, ?, ?, ?, ?)",
            (conversation, role, text, json.dumps(detail, ensure_ascii=False), now),
        )
        return int(cursor.lastrowid or 0)


def _conversation(row: sqlite3.Row) -> Conversation:
    return Conversation(row["id"], row["title"], row["created"], row["changed"], row["questions"])


def _message(row: sqlite3.Row) -> Message:
    message = Message(row["number"], row["conversation"], row["role"], row["text"], row["time"], row["rating"])
    if row["role"] != "assistant":
        return message
    try:
        return replace(message, answer=Answer.from_detail(json.loads(row["detail"])))
    except (ChatError, ValueError):
        # An answer of an older shape keeps its words; only its structure is gone.
        return message
