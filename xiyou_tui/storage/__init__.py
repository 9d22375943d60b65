"""Where everything lives: per-user directories, settings, the database, atomic files. Knows nothing of the layers above."""
