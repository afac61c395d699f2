"""`upres upscale` of buckets and of lists: pictures that are not counted before they are enlarged."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from upres.cli.outcomes import Account
from upres.cli.pipes import PIPE
from upres.cli.terminal import say
from upres.errors import ConfigError, FailedError

if TYPE_CHECKING:
    from upres.storage.places import Place
    from upres.upscaling.batch import BatchSettings, Log, Outcome, Shard
    from upres.upscaling.batch.items import Item, Selection
    from upres.upscaling.loading import Options, Upscalers
    from upres.upscaling.sizes import Size


def upscale_stream(
    inputs: list[Path],
    output: Path | None,
    listed: str | None,
    upscalers: Upscalers,
    asked: Asked,
    form: str | None,
    patterns: tuple[list[str], list[str]],
    shard: Shard,
    manifest: Path | None,
    verbose: bool,
    quiet: bool,
    made_with: dict[str, object],
) -> None:
    """Enlarge what a bucket holds, or a list names, as it is listed."""
    from upres.upscaling.batch.items import Selection
    from upres.upscaling.batch.manifest import fingerprint

    if PIPE in inputs or output == PIPE:
        raise ConfigError("- stands for one picture of a pipe; a bucket or a list goes into a folder or a bucket")
    selection = Selection(upscalers.label, form, tuple(patterns[0]), tuple(patterns[1]), shard)
    found = _found(inputs, output, listed, selection)
    log = _log(found, manifest, shard, made_with)
    alone = found.single and len(inputs) == 1
    counted = sys.stderr.isatty() and not quiet
    account = Account(upscalers, log, alone=alone, counted=counted, verbose=verbose, quiet=quiet)
    done = account.tally
    about = {"upres-fingerprint": fingerprint(made_with)}

    outcomes = _outcomes(found, upscalers, asked, about)
    try:
        with account, contextlib.closing(outcomes):
            account.take_all(outcomes)
    except KeyboardInterrupt:
        say(f"upres: {done.line()}; the same command again does the rest", error=True)
        raise
    if not quiet:
        done.say_what_differs()
        if not found.single:
            say(f"upres: {done.line()}, {account.seconds:.1f} s", error=True)
    if done.count == 0 and shard.count == 1:
        raise ConfigError("no pictures there; check the address and the patterns", where=found.source.address or listed)
    if done.failed:
        raise FailedError(f"{done.failed} of {done.count} pictures could not be enlarged; the reasons stand above")


def _outcomes(
    found: _Found, upscalers: Upscalers, asked: Asked, about: dict[str, str]
) -> Generator[Outcome, None, None]:
    if asked.engine == "ray":
        from upres.upscaling.batch.engines import ray

        work = ray.Work(
            source=_reached(found.source),
            target=_reached(found.target),
            model=asked.model,
            size=asked.size,
            options=tuple(asked.options.items()),
            settings=asked.settings,
            about=tuple(about.items()),
        )
        return ray.run(found.items, work, address=asked.address)
    from upres.upscaling.batch.engines import staged

    return staged.run(found.items, found.source, found.target, upscalers, asked.settings, about=about)


def _reached(place: Place) -> str:
    """Return the address of a place for a worker, whose folder is another."""
    return place.address if "://" in place.address or not place.address else str(Path(place.address).absolute())


@dataclass(frozen=True)
class Asked:
    """What was asked for, for whoever does the work.

    Attributes:
        model, size, options: as in `Upscalers`.
        settings: as in `staged.run`.
        engine: local or ray.
        address: of the cluster.
    """

    model: str
    size: Size
    options: Options
    settings: BatchSettings
    engine: str = "local"
    address: str | None = None


@dataclass(frozen=True)
class _Found:
    """What is to be enlarged.

    Attributes:
        items: which pictures, as they are listed.
        source, target: where they are, and where they go.
        single: whether they were named on the command line.
    """

    items: Iterator[Item]
    source: Place
    target: Place
    single: bool = False


def _found(inputs: list[Path], output: Path | None, listed: str | None, selection: Selection) -> _Found:
    from upres.image.codecs.table import SUFFIXES
    from upres.storage.places import Anywhere, address_of, place_of
    from upres.upscaling.batch.lists import names_from

    given = [address_of(each) or str(each) for each in inputs]
    if listed is None and all(PurePosixPath(each.partition("?")[0]).suffix.lower() in SUFFIXES for each in given):
        return _named(given, output, selection)
    if len(given) > 1:
        raise ConfigError(
            "several inputs, one of them a bucket; give one folder or bucket at a time, or a list (--from)"
        )
    if listed is not None and not given:
        if output is None:
            raise ConfigError("a list of whole names goes into a folder or a bucket; say which", settings=("output",))
        source: Place = Anywhere()
        names = names_from(listed)
    else:
        source = place_of(given[0])
        if listed is None:
            names = (entry.name for entry in source.names())
        else:
            # A list may hold what a manifest says: names with the place before them.
            roots = tuple(f"{root.rstrip('/')}/" for root in (given[0], source.address))
            names = (_below(name, roots) for name in names_from(listed))
    target = address_of(output) or str(output) if output is not None else f"{given[0].rstrip('/')}{selection.label}"
    if given and target.rstrip("/") == given[0].rstrip("/"):
        raise ConfigError("is the input too; write into another folder", where=target, settings=("output",))
    apart = None
    if given and target.startswith(f"{given[0].rstrip('/')}/"):
        apart = target.removeprefix(f"{given[0].rstrip('/')}/").rstrip("/")
    selection = replace(selection, apart=apart)
    return _Found(selection.items(names, listed=listed is None), source, place_of(target))


def _below(name: str, roots: tuple[str, ...]) -> str:
    return next((name.removeprefix(root) for root in roots if name.startswith(root)), name)


def _named(given: list[str], output: Path | None, selection: Selection) -> _Found:
    """Return pictures that were named: into a file, into a folder, or beside them."""
    from upres.image.codecs.table import SUFFIXES
    from upres.storage.places import Anywhere, split
    from upres.upscaling.batch.items import Item
    from upres.upscaling.batch.jobs import output_name

    place = Anywhere()
    items, made = [], set()
    target = None if output is None else _address(output)
    for name in given:
        own = output_name(Path(PurePosixPath(name.partition("?")[0]).name), selection.label, selection.form)
        if target is None and name.startswith("http"):
            raise ConfigError("nothing is written beside it; say where", where=place.shown(name), settings=("output",))
        if target is not None and len(given) == 1 and PurePosixPath(target).suffix.lower() in SUFFIXES:
            written = target
        elif target is not None:
            written = f"{target.rstrip('/')}/{own}"
        else:
            written = f"{split(name)[0]}/{own}" if "://" in name else str(Path(name).with_name(own))
        if written in made:
            raise ConfigError("two inputs would be written to it; name the outputs", where=written)
        made.add(written)
        if selection.shard.has(name):
            items.append(Item(name, written))
    return _Found(iter(items), place, place, single=True)


def _address(path: Path) -> str:
    from upres.storage.places import address_of

    return address_of(path) or str(path)


def _log(found: _Found, manifest: Path | None, shard: Shard, made_with: dict[str, object]) -> Log | None:
    from upres.storage.places import LocalFolder, address_of
    from upres.upscaling.batch import Manifest, StoredManifest, manifest_name

    if manifest is not None and address_of(manifest) is not None:
        raise ConfigError("a manifest that is named is a file; of a bucket it lies beside the outputs", where=manifest)
    if manifest is None and found.single:
        return None
    if manifest is None and isinstance(found.target, LocalFolder):
        manifest = Path(found.target.address) / manifest_name(shard)
    return StoredManifest(found.target, shard, made_with) if manifest is None else Manifest(manifest, made_with)
