-- Small facts that survive a restart: current edition, reading place, chosen model.
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

-- Samples: the training data that people write and review. Citations and tags are JSON arrays.
CREATE TABLE sample (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  turns TEXT NOT NULL,
  citations TEXT NOT NULL DEFAULT '[]',
  refusal INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  status TEXT NOT NULL DEFAULT 'draft',
  tags TEXT NOT NULL DEFAULT '[]',
  split TEXT NOT NULL DEFAULT 'train',
  source TEXT NOT NULL DEFAULT 'hand',
  note TEXT NOT NULL DEFAULT '',
  created REAL NOT NULL,
  changed REAL NOT NULL,
  deleted REAL
) STRICT;
CREATE INDEX sample_status ON sample (status, changed);

-- What happened to a sample, oldest first; `before` is the whole record as JSON, so that any step can be undone.
CREATE TABLE sample_history (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  sample TEXT NOT NULL REFERENCES sample (id),
  time REAL NOT NULL,
  action TEXT NOT NULL,
  before TEXT NOT NULL
) STRICT;
CREATE INDEX sample_history_sample ON sample_history (sample, number);

-- Conversations and their messages. An answer's structure (citations, refusal, mode) is JSON in `detail`.
CREATE TABLE conversation (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  created REAL NOT NULL,
  changed REAL NOT NULL,
  deleted REAL
) STRICT;
CREATE TABLE message (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation TEXT NOT NULL REFERENCES conversation (id),
  role TEXT NOT NULL,
  text TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT '{}',
  rating INTEGER NOT NULL DEFAULT 0,
  time REAL NOT NULL
) STRICT;
CREATE INDEX message_conversation ON message (conversation, number);

-- Preference pairs from rating and correcting answers.
CREATE TABLE preference (
  id TEXT PRIMARY KEY,
  prompt TEXT NOT NULL,
  chosen TEXT NOT NULL,
  rejected TEXT NOT NULL,
  citations TEXT NOT NULL DEFAULT '[]',
  status TEXT NOT NULL DEFAULT 'review',
  message INTEGER REFERENCES message (number),
  created REAL NOT NULL,
  deleted REAL
) STRICT;

-- Bookmarks and notes in the text; a span is (edition, chapter, start, end) plus the hash of its text.
CREATE TABLE bookmark (
  id TEXT PRIMARY KEY,
  edition TEXT NOT NULL,
  chapter INTEGER NOT NULL,
  start INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  hash TEXT NOT NULL,
  label TEXT NOT NULL DEFAULT '',
  created REAL NOT NULL
) STRICT;
CREATE TABLE note (
  id TEXT PRIMARY KEY,
  edition TEXT NOT NULL,
  chapter INTEGER NOT NULL,
  start INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  hash TEXT NOT NULL,
  quote TEXT NOT NULL,
  text TEXT NOT NULL,
  source TEXT NOT NULL,
  created REAL NOT NULL,
  changed REAL NOT NULL,
  deleted REAL
) STRICT;
