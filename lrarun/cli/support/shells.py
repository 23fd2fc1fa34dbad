"""What bash and zsh need to complete ``--set KEY=VALUE``: no space after the ``=``, and words that bash cuts there."""

from __future__ import annotations

from click.shell_completion import BashComplete, CompletionItem, ZshComplete, add_completion_class


class Bash(BashComplete):
    """Click's completion for bash, which hands over ``KEY=VALUE`` as three words and replaces the last of them."""

    source_template = BashComplete.source_template.replace(
        "    return 0\n", "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n    return 0\n"
    )
    typed_before = ""  # the part of the last word that bash keeps: ``KEY=``

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the last, and the last as far as it is typed, put together again."""
        words, last = super().get_completion_args()
        if last == "=" and words:
            words, last, self.typed_before = words[:-1], f"{words[-1]}=", f"{words[-1]}="
        elif len(words) > 1 and words[-1] == "=":
            self.typed_before = f"{words[-2]}="
            words, last = words[:-2], self.typed_before + last
        return _joined(words), last

    def format_completion(self, item: CompletionItem) -> str:
        """Return an offer without what bash keeps."""
        return f"{item.type},{item.value.removeprefix(self.typed_before)}"


def _joined(words: list[str]) -> list[str]:
    """Return words in which ``KEY``, ``=``, ``VALUE`` are one.

    >>> _joined(["train", "--set", "depth", "=", "5", "a.yaml"])
    ['train', '--set', 'depth=5', 'a.yaml']
    """
    whole: list[str] = []
    for word in words:
        if whole and (word == "=" or whole[-1].endswith("=")):
            whole[-1] += word
        else:
            whole.append(word)
    return whole


class Zsh(ZshComplete):
    """Click's completion for zsh, which leaves out the space after an offer that ends in ``=``."""

    source_template = ZshComplete.source_template.replace(
        '    if [ -n "$completions_with_descriptions" ]; then\n        _describe -V unsorted'
        " completions_with_descriptions -U\n",
        "    if [[ $completions_with_descriptions[1] == *=:* ]]; then\n        _describe -V unsorted"
        " completions_with_descriptions -S '' -U\n"
        '    elif [ -n "$completions_with_descriptions" ]; then\n        _describe -V unsorted'
        " completions_with_descriptions -U\n",
    )


def register() -> None:
    """Let click use these for bash and zsh."""
    add_completion_class(Bash)
    add_completion_class(Zsh)
