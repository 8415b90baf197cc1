"""A hook of MkDocs: links from docs/ to files of the repository lead to the repository.

The pages link to such files by relative paths, which work on GitHub and in an editor. The site has
no such files.
"""

from __future__ import annotations

import re
from typing import Any

OUTSIDE = re.compile(r"(?<!!)\[([^\]]+)\]\(\.\./([^)\s]+)\)")


def on_page_markdown(markdown: str, *, config: Any, **_: Any) -> str:
    """Rewrites the links of one page; MkDocs calls it.

    Args:
        markdown: The page.
        config: MkDocs' settings, whose `repo_url` may be empty.

    Returns:
        The page with links to the files in the repository; where no address is known, with their
        paths as text.
    """

    def rewritten(link: re.Match[str]) -> str:
        text, path = link.groups()
        if config.repo_url:
            return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{path})"
        return f"{text} (`{path.partition('#')[0]}`)"

    return OUTSIDE.sub(rewritten, markdown)
