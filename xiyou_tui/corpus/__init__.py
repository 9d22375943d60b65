"""The text and all that is known of it: editions, citations, find, retrieval, lexicon, events."""
