"""The full-screen app: screens, widgets, messages. Owns no facts, only how they look."""
