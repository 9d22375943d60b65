"""Model directories: what is there, and the practice model made on the spot."""
