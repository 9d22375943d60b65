"""xiyou: read 《西游记》, curate samples, train a small local model on MLX, and ask it for answers that can be checked."""

__version__ = "0.1.0"
