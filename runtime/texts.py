"""Texts of others, as they may be shown."""

from __future__ import annotations


def visible(text: str) -> str:
    """A text of somebody else's, what cannot be printed escaped: it forges no line, and no terminal obeys it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
