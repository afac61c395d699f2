"""`upres completion`: Tab, taught to a shell."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """The shells that there are scripts for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def completion(
    context: typer.Context,
    shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.", show_default=False)],
) -> None:
    """Print the script that completes verbs, options, and names of models, recipes and formats in a shell.

    Load it once to try it: source <(upres completion bash), the same in zsh after compinit, or
    upres completion fish | source. For good, write it where the shell looks for it, as below: bash needs its package
    bash-completion for that, zsh needs fpath+=~/.zfunc before compinit in ~/.zshrc. Names are written out in the
    script and no Python runs at Tab; write it again when upres was updated.
    """
    from upres.cli.shells import SHELLS
    from upres.cli.words import verbs

    print(SHELLS[shell](verbs(context.find_root().command)), end="")
