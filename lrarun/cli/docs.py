"""``lrarun docs``: the project's pages, wherever it is installed."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from lrarun.cli.support.completers import silent
from lrarun.cli.support.options import json_option


@silent
def page_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the pages."""
    from lrarun.shipped import pages

    return [CompletionItem(name, help=said) for name, (said, _) in pages().items() if name.startswith(incomplete)]


@click.command()
@click.argument("page", required=False, metavar="[PAGE]", shell_complete=page_names)
@json_option
def docs(page: str | None, as_json: bool) -> None:
    """Print a page of the documentation.

    Without PAGE, lists the pages, each with the question that it answers. A page is laid out
    for the terminal; in a pipe or a file it is Markdown.

    \b
    Examples:
      lrarun docs
      lrarun docs verdicts
      lrarun docs extending | less
    """
    from lrarun.cli.support.printing import WIDEST, columns, print_json, terminal_width
    from lrarun.errors import UsageError
    from lrarun.settings import UnknownName
    from lrarun.shipped import pages

    known = pages()
    if page is None:
        told = [{"name": name, "question": said, "file": path} for name, (said, path) in known.items()]
        print_json(told) if as_json else click.echo(columns((name, said) for name, (said, _) in known.items()))
        return
    name = page.removeprefix("docs/").removesuffix(".md")
    if name not in known:
        raise UsageError(str(UnknownName("page", page, known)))
    said, path = known[name]
    text = path.read_text(encoding="utf-8")
    if as_json:
        print_json({"name": name, "question": said, "file": path, "text": text})
    elif (width := terminal_width()) is None:
        click.echo(text, nl=False)
    else:
        from lrarun.cli.support.pages import for_terminal

        click.echo(for_terminal(text, min(width, WIDEST)), nl=False)
