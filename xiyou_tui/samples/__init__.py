"""Samples: what people write to train on, and its review."""
