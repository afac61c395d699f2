"""Completion scripts: all that may be typed, written out, so that no Python starts when Tab is pressed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from upres.cli.words import DEBUG, HELP, VERSION, Argument, Option, Values, Verb, first_sentence

# What stands before a file's name only may be a picture, and then the verb is this one.
_SHORT = "upscale"


def bash(verbs: Sequence[Verb]) -> str:
    """Return the script for bash; it needs nothing besides it, and runs in 3.2, which macOS has."""
    cases = "\n".join(_bash_verb(verb) for verb in verbs)
    names = " ".join([*(verb.name for verb in verbs), "help"])
    return _filled(_BASH, NAMES=names, FIRST=" ".join((*HELP.names, *VERSION.names)), CASES=cases)


def zsh(verbs: Sequence[Verb]) -> str:
    """Return the script for zsh: a file `_upres` on its path of functions, or to be evaluated after compinit."""
    described = "\n".join(f"    {_quoted(f'{verb.name}:{verb.summary}')}" for verb in (*verbs, _help_verb(verbs)))
    cases = "\n".join(_zsh_verb(verb) for verb in (*verbs, _help_verb(verbs)))
    return _filled(_ZSH, VERBS=described, CASES=cases)


def fish(verbs: Sequence[Verb]) -> str:
    """Return the script for fish."""
    everyone = (*verbs, _help_verb(verbs))
    lines = [f"complete -c upres -n __upres_first -a {verb.name} -d {_fish_quoted(verb.summary)}" for verb in everyone]
    for verb in everyone:
        lines += ["", *_fish_verb(verb)]
    return _filled(_FISH, NAMES=" ".join(verb.name for verb in everyone), LINES="\n".join(lines))


SHELLS: dict[str, Callable[[Sequence[Verb]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def _help_verb(verbs: Sequence[Verb]) -> Verb:
    names = Values(tuple(verb.name for verb in verbs))
    return Verb("help", "Show the help of a verb.", (Argument("VERB", "A verb.", names, False, False),), (HELP, DEBUG))


def _bash_verb(verb: Verb) -> str:
    taken: dict[Values, list[str]] = {}
    for option in verb.options:
        if option.values is not None:
            taken.setdefault(option.values, []).extend(option.names)
    *others, last = [argument.values for argument in verb.arguments] or [Values()]
    rest = _bash_values(last)
    if any(one != last for one in others):  # options before them would count as arguments: names are offered late then
        places = (
            f"[[ $COMP_CWORD -eq {place} ]]; then {_bash_values(one) or ': '}" for place, one in enumerate(others, 2)
        )
        rest = f"; if {'; elif '.join(places)}; else {rest or ': '}; fi "
    lines = [
        f"        {verb.name})",
        f'            options="{" ".join(name for option in verb.options for name in option.names)}"',
        '            case "$before" in',
        *(f"                {' | '.join(names)}) {_bash_values(values)};;" for values, names in taken.items()),
        f"                *) argument=1 {rest};;",
        "            esac ;;",
    ]
    return "\n".join(lines)


def _bash_values(values: Values) -> str:
    """Return what sets the names that fit, and whether files do; nothing where only the person knows."""
    names = f'names="{" ".join(values.names)}" ' if values.names else ""
    return names + "files=1 " * values.files + "several=1 " * values.several


_BASH = r"""# Completion of upres for bash, written by: upres completion bash
_upres() {
    local current="${COMP_WORDS[COMP_CWORD]}" before="" verb="${COMP_WORDS[1]}" verbs="@NAMES@"
    local options="" names="" files="" several="" argument="" head="" word IFS=$' \t\n'
    COMPREPLY=()
    # bash ends words at "=", so that --model=base is three of them.
    if [[ $COMP_CWORD -gt 1 ]]; then
        before="${COMP_WORDS[COMP_CWORD - 1]}"
        if [[ $current == "=" ]]; then
            current=""
        elif [[ $before == "=" && $COMP_CWORD -gt 2 ]]; then
            before="${COMP_WORDS[COMP_CWORD - 2]}"
        fi
    fi
    if [[ $COMP_CWORD -eq 1 && $current != -* ]]; then
        names="$verbs" files=1
    else
        [[ $COMP_CWORD -gt 1 && " $verbs " == *" $verb "* ]] || verb=upscale
        case "$verb" in
@CASES@
        help) names="$verbs" ;;
        esac
        if [[ $current == -* && ( -n $argument || $verb == help ) ]]; then
            names="$options" files=""
            [[ $COMP_CWORD -eq 1 ]] && names="$names @FIRST@"
        fi
    fi
    if [[ -n $several && $current == *,* ]]; then
        head="${current%,*},"
    fi
    for word in $names; do
        [[ $head$word == "$current"* ]] && COMPREPLY+=("$head$word")
    done
    if [[ -n $names && -n $files ]]; then
        while IFS= read -r word; do
            COMPREPLY+=("$word")
        done < <(compgen -f -- "$current")
    elif [[ -z $files ]]; then
        compopt +o default 2>/dev/null
    fi
    return 0
}
# Where nothing is found, bash completes the name of a file.
complete -o default -o filenames -F _upres upres
"""


def _zsh_verb(verb: Verb) -> str:
    specs = [_quoted(spec) for option in verb.options for spec in _zsh_option(option)]
    specs += [_quoted(_zsh_argument(argument)) for argument in verb.arguments]
    inner = " \\\n        ".join(specs)
    return f"    ({verb.name})\n      _arguments -S {inner} && ret=0 ;;"


def _zsh_option(option: Option) -> list[str]:
    said = re.sub(r"([\[\]\\:])", r"\\\1", first_sentence(option.help))
    others = "*" if option.repeated else f"({' '.join(option.names)})"
    specs = []
    for name in option.names:
        if option.values is None:
            specs.append(f"{others}{name}[{said}]")
        else:
            mark = "=" if name.startswith("--") else "+"
            specs.append(f"{others}{name}{mark}[{said}]:{_zsh_label(option.label)}:{_zsh_values(option.values)}")
    return specs


def _zsh_argument(argument: Argument) -> str:
    position = "*" if argument.repeated else ""
    optional = ":" if not argument.required and not argument.repeated else ""
    return f"{position}{optional}:{_zsh_label(argument.label)}:{_zsh_values(argument.values)}"


def _zsh_label(label: str) -> str:
    return label.replace(":", r"\:") or "value"


def _zsh_values(values: Values) -> str:
    names = " ".join(values.names)
    if values.several:
        return f"_sequence compadd - {names}"
    if values.names and values.files:
        return f" _upres_name_or_file {names}"
    return f"({names})" if values.names else "_files" if values.files else " "


_ZSH = r"""#compdef upres
# Completion of upres for zsh, written by: upres completion zsh
_upres_name_or_file() {
  local expl ret=1
  local -a known=("$@")
  _wanted names expl name compadd -a known && ret=0
  _files && ret=0
  return ret
}

_upres() {
  local curcontext="$curcontext" state line verb ret=1
  typeset -A opt_args
  local -a verbs
  verbs=(
@VERBS@
  )
  verb=${words[2]}
  if (( CURRENT == 2 )) && [[ $verb != -* ]]; then
    _describe -t verbs verb verbs && ret=0
    _files && ret=0
    return ret
  fi
  if (( CURRENT > 2 && ${verbs[(I)${verb}:*]} )); then
    shift words
    (( CURRENT-- ))
  else
    verb=upscale
  fi
  case $verb in
@CASES@
  esac
  return ret
}

if [[ $funcstack[1] == _upres ]]; then
  _upres "$@"
else
  compdef _upres upres
fi
"""


def _fish_verb(verb: Verb) -> list[str]:
    start = f"complete -c upres -n '__upres_uses {verb.name}'"
    kinds = [argument.values for argument in verb.arguments]
    lines = []
    if not any(values.files for values in kinds):
        lines.append(f"{start} -f")
    for number, values in enumerate(kinds):
        if values.names:
            words = f"; and test (count (commandline -opc)) -{'ge' if number else 'eq'} {number + 2}"
            lines.append(f"{start[:-1]}{words if len(kinds) > 1 else ''}' -a '{' '.join(values.names)}'")
    for option in verb.options:
        lines += [f"{start} {name}" for name in _fish_option(option)]
    return lines


def _fish_option(option: Option) -> list[str]:
    on = [name for name in option.names if not name.startswith("--no-")]
    off = [name for name in option.names if name.startswith("--no-")]
    said = f" -d {_fish_quoted(first_sentence(option.help))}"
    taken = "" if option.values is None else _fish_values(option.values)
    return [" ".join(map(_fish_name, names)) + taken + said for names in (on, off) if names]


def _fish_name(name: str) -> str:
    return f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"


def _fish_values(values: Values) -> str:
    names = " ".join(values.names)
    if values.several:
        return f" -x -a '(__upres_sequence {names})'"
    return (" -r -F" if values.files else " -x") + (f" -a '{names}'" if names else "")


_FISH = r"""# Completion of upres for fish, written by: upres completion fish
function __upres_first
    test (count (commandline -opc)) -eq 1
end

function __upres_uses
    set -l words (commandline -opc)
    set -l verb upscale
    if test (count $words) -gt 1; and contains -- $words[2] @NAMES@
        set verb $words[2]
    end
    test $verb = $argv[1]
end

function __upres_sequence
    set -l head (commandline -ct | string replace -r '^--[a-z-]+=' '' | string replace -r '[^,]*$' '')
    for name in $argv
        echo $head$name
    end
end

@LINES@
"""


def _quoted(text: str) -> str:
    """Return a word in quotes of bash and zsh."""
    return "'" + text.replace("'", r"'\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", r"\'") + "'"


def _filled(script: str, **parts: str) -> str:
    for name, part in parts.items():
        script = script.replace(f"@{name}@", part)
    return script
