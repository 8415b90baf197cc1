"""A hook of MkDocs: links that docs/ cannot have itself.

The pages link to files of the repository by relative paths, which work on GitHub and in an editor;
the site has no such files. And the web page is put below the site when that has been built.
"""

from __future__ import annotations

import re
from typing import Any

DEMO_TITLE = "Try it"
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


def on_nav(nav: Any, *, config: Any, **_: Any) -> Any:
    """Adds the web page to the navigation, where it will be; MkDocs calls it.

    Args:
        nav: The navigation.
        config: MkDocs' settings, whose `extra.demo` is the address of the page below the site.

    Returns:
        The navigation.
    """
    if config.extra["demo"]:
        from mkdocs.structure.nav import Link

        nav.items.append(Link(DEMO_TITLE, config.extra["demo"]))
    return nav
