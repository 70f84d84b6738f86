"""Text for papers, sheets and messages. What was made for a page (``Markup``) is refused by its type: it would be printed as
it is written, tags and all.
"""

from markupsafe import Markup


def plain(value: object) -> str:
    """The value as text. Raises ``TypeError`` for text that was made for a page."""
    if isinstance(value, Markup):
        raise TypeError(f"text for a page reached a paper: {value!r}")
    return str(value)
