-- Undo: `number` of the step that a history row belongs to (a batch shares one), and when it was undone.
ALTER TABLE sample_history ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sample_history ADD COLUMN undone REAL;

-- The text of every cited span by its hash, so that a citation can be found again when its edition is gone.
CREATE TABLE cited_text (
  hash TEXT PRIMARY KEY,
  text TEXT NOT NULL
) STRICT;
