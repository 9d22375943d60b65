"""The colours: ink on rice paper, by night and by day, and one that survives 256 colours."""

from __future__ import annotations

from textual.theme import Theme

# Vermilion is the seal, green the evidence, ochre the marks. Surfaces stay far enough apart to survive 256 colours.
THEMES = (
    Theme(
        name="rice-paper-dark",
        primary="#d7875f",
        secondary="#87af87",
        accent="#d7af5f",
        warning="#d7af5f",
        error="#d75f5f",
        success="#87af87",
        foreground="#d8d2c4",
        background="#161512",
        surface="#1f1d19",
        panel="#2b2823",
        dark=True,
        variables={"border": "#4a453c", "border-blurred": "#3a362f", "block-cursor-text-style": "none", "footer-key-foreground": "#d7af5f"},
    ),
    Theme(
        name="rice-paper-light",
        primary="#a8431f",
        secondary="#3f6f4f",
        accent="#8a5a00",
        warning="#8a5a00",
        error="#a32020",
        success="#3f6f4f",
        foreground="#2a2620",
        background="#f5efe0",
        surface="#ece4d0",
        panel="#dfd5bd",
        dark=False,
        variables={"border": "#b5a98c", "border-blurred": "#cfc4a8", "block-cursor-text-style": "none", "footer-key-foreground": "#8a5a00"},
    ),
    Theme(
        name="plain-256",
        primary="#ff8700",
        secondary="#87d787",
        accent="#ffd75f",
        warning="#ffd75f",
        error="#ff5f5f",
        success="#87d787",
        foreground="#dadada",
        background="#000000",
        surface="#1c1c1c",
        panel="#303030",
        dark=True,
        variables={"border": "#585858", "border-blurred": "#444444", "block-cursor-text-style": "none"},
    ),
)
