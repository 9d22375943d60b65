"""One screen a mode, each with its stylesheet beside it."""
