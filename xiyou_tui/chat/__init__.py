"""Answers that can be checked: from question to evidence to verified text."""
