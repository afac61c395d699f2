"""A Hugging Face dataset by name, or the folder that one was saved to, through the `datasets` library."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.config import config
from upres.data.sources.files import rgb_bytes
from upres.data.sources.options import PictureOptions, prepared, prepared_size, selected
from upres.data.sources.source import Outline, Sample, Source, at
from upres.errors import DataError, PictureError, extra, first_line, nearest
from upres.image import read, read_header

# What `Dataset.save_to_disk` and `DatasetDict.save_to_disk` leave.
_SAVED = ("state.json", "dataset_dict.json")


@config
class HfConfig(PictureOptions):
    """One split of a dataset that has a column of pictures.

    Attributes:
        dataset: `owner/name` on the hub; or a local folder, relative to the recipe's data folder, made by
            `save_to_disk` or holding parquet files or pictures.
        split: which split; any slice that the library understands, such as `train[:90%]`.
        column: the column of pictures; left out, the only one there is.
        lr: a column of low-resolution partners; left out, the recipe's degradation makes them.
        subset: the dataset's configuration, where it has several.
        revision: a branch, tag or commit of the dataset.
        streaming: read pictures from the hub as they are decoded into upres' cache, and keep no other copy.
    """

    dataset: str
    split: str = "train"
    column: str | None = None
    lr: str | None = None
    subset: str | None = None
    revision: str | None = None
    streaming: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lr is not None and self.changes_size:
            raise ValueError("lr with crop, shrink or resize would tear the pairs apart: leave lr out, it is made then")
        if self.streaming and (self.shuffle is not None or self.skip < 0 or (self.take or 1) < 0):
            raise ValueError("a stream has no known end: give skip and take from its beginning, and no shuffle")


class Hf(Source):
    """Pictures stay encoded in the library's cache and are decoded by libvips, as files are."""

    config_type = HfConfig

    def __init__(self, config: HfConfig, *, root: Path) -> None:
        super().__init__(root=root)
        self._config = config
        with extra("hf", f"hf://{config.dataset}"):
            import datasets
        folder = at(root, config.dataset)
        self._title = str(folder) if folder.is_dir() else f"hf://{config.dataset}"
        with _one_line(self._title, config):
            data = _opened(datasets, config, folder if folder.is_dir() else None)
        self._column = _picture_column(data.features, config.column, self._title, datasets.Image)
        columns = [self._column] if config.lr is None else [self._column, config.lr]
        if config.lr is not None:
            _picture_column(data.features, config.lr, self._title, datasets.Image)
        data = data.select_columns(columns)
        for name in columns:
            data = data.cast_column(name, datasets.Image(decode=False))
        self._pictures: _Table | _Stream
        if config.streaming and not _saved(folder):
            self._pictures = _Stream(data, config, self._title)
        else:
            self._pictures = _Table(data, config)
        if not len(self):
            raise DataError(
                f"{self._title}: {self._pictures.of} pictures in {config.split}, none left with skip = {config.skip}, "
                f"take = {config.take}; check the split and the recipe's skip and take"
            )

    @classmethod
    def recognise(cls, path: Path, *, scale: int | None, split: str | None) -> dict[str, Any] | None:
        """What `save_to_disk` leaves, or parquet files; its splits have names of their own."""
        return {"dataset": str(path.absolute())} if path.is_dir() and _holds_dataset(path) else None

    def __len__(self) -> int:
        return len(self._pictures)

    def outline(self, index: int) -> Outline | None:
        """Read the headers; a stream's pictures are known only when they come by."""
        if isinstance(self._pictures, _Stream):
            return None
        row, where = self._pictures.row(index), self._where(index)
        with _file(row[self._column], where) as path:
            header = read_header(path)
        size = prepared_size(header.height, header.width, self._config, where)
        if self._config.lr is None:
            return Outline(where, size)
        with _file(row[self._config.lr], where) as path:
            small = read_header(path)
        return Outline(where, size, (small.height, small.width))

    def sample(self, index: int) -> Sample:
        """Decode one row's picture, and its partner's."""
        row, where = self._pictures.row(index), self._where(index)
        with _file(row[self._column], where) as path:
            hr = prepared(rgb_bytes(read(path)), self._config, where)
        name = f"{self._config.split}-{self._pictures.place(index):06d}"
        if self._config.lr is None:
            return Sample(name, hr)
        with _file(row[self._config.lr], where) as path:
            return Sample(name, hr, rgb_bytes(read(path)))

    def original(self, index: int) -> NDArray[np.uint8]:
        """Decode one row's picture."""
        with _file(self._pictures.row(index)[self._column], self._where(index)) as path:
            return rgb_bytes(read(path))

    def fingerprint(self) -> str:
        """The library's own fingerprint of the rows, and what is done to them."""
        return f"hf {self._config.identity} {self._pictures.fingerprint}"

    def describe(self) -> str:
        """The dataset, its split and column."""
        streaming = ", streaming" if isinstance(self._pictures, _Stream) else ""
        return (
            f"{self._title}: {len(self):,} pictures of {self._config.split}, column {self._column}{streaming}"
            f"{self._config.words()}"
        )

    def _where(self, index: int) -> str:
        return f"{self._title} {self._config.split}[{self._pictures.place(index)}]"


class _Table:
    """Rows on this disk, in any order."""

    def __init__(self, data: Any, options: HfConfig) -> None:
        self._data = data
        self.of = len(data)
        self._rows = selected(range(len(data)), options)
        self.fingerprint = str(data._fingerprint)

    def __len__(self) -> int:
        return len(self._rows)

    def place(self, index: int) -> int:
        return self._rows[index]

    def row(self, index: int) -> Mapping[str, Any]:
        row: Mapping[str, Any] = self._data[self._rows[index]]
        return row


class _Stream:
    """Rows that come by once and in order; a few that other threads will ask for are kept."""

    def __init__(self, data: Any, options: HfConfig, title: str) -> None:
        info = (data.info.splits or {}).get(options.split)
        self.of = None if info is None else info.num_examples
        count = None if self.of is None else self.of - options.skip
        if count is None and options.take is None:
            raise DataError(f"{title}: a stream that does not say its length; give take, or streaming: false")
        self._count = min(number for number in (count, options.take) if number is not None)
        self._data = data.skip(options.skip) if options.skip else data
        self._skip, self._options, self._title = options.skip, options, title
        self._lock = threading.Lock()
        self._rewind()
        # A stream's rows are known only after they have passed: its revision and size stand for them.
        self.fingerprint = f"{options.revision} {self.of} {getattr(info, 'num_bytes', None)}"

    def __len__(self) -> int:
        return max(0, self._count)

    def place(self, index: int) -> int:
        return self._skip + index

    def row(self, index: int) -> Mapping[str, Any]:
        with self._lock:
            if index < self._next and index not in self._kept:
                self._rewind()
            while self._next <= index:
                with _one_line(self._title, self._options):
                    row = next(self._rows, None)
                if row is None:
                    raise DataError(f"{self._title}: ends after {self._next} pictures; lower take to that")
                self._kept[self._next] = row
                self._next += 1
            return self._kept.pop(index)

    def _rewind(self) -> None:
        self._rows: Iterator[Mapping[str, Any]] = iter(self._data)
        self._next = 0
        self._kept: dict[int, Mapping[str, Any]] = {}


def _holds_dataset(path: Path) -> bool:
    """Return whether a folder was made by `save_to_disk` or holds parquet files."""
    return _saved(path) or any(
        next(iter(folder.glob("*.parquet")), None) is not None for folder in (path, path / "data")
    )


def _saved(path: Path) -> bool:
    return any((path / name).is_file() for name in _SAVED)


def _opened(datasets: Any, options: HfConfig, folder: Path | None) -> Any:
    if folder is not None and (folder / "dataset_dict.json").is_file():
        splits = datasets.load_from_disk(str(folder))
        name, bracket, rest = options.split.partition("[")
        if name not in splits:
            raise DataError(f"{folder}: no split {name!r}: {nearest(name, splits)}")
        if bracket:
            raise DataError(f"{folder}: split = {options.split}[{rest}: a saved dataset is cut with skip and take")
        return splits[name]
    if folder is not None and (folder / "state.json").is_file():
        return datasets.load_from_disk(str(folder))
    return datasets.load_dataset(
        options.dataset if folder is None else str(folder),
        options.subset,
        split=options.split,
        revision=options.revision if folder is None else None,
        streaming=options.streaming,
    )


def _picture_column(features: Mapping[str, Any] | None, wanted: str | None, title: str, image: type[Any]) -> str:
    known = [] if features is None else list(features)
    pictures = [name for name in known if isinstance((features or {})[name], image)]
    if wanted is None:
        if len(pictures) == 1:
            return pictures[0]
        found = f"{len(pictures)} columns of pictures ({', '.join(pictures)})" if pictures else "no column of pictures"
        raise DataError(f"{title}: {found}; give column: one of {', '.join(known) or 'none'}")
    if wanted not in known:
        raise DataError(f"{title}: no column {wanted!r}: {nearest(wanted, known)}")
    if wanted not in pictures:
        raise DataError(f"{title}: column {wanted} holds no pictures; those are in: {', '.join(pictures) or 'none'}")
    return wanted


@contextlib.contextmanager
def _file(value: Any, where: str) -> Iterator[Path]:
    """Give the encoded picture of a row as a file: `read` takes files."""
    if not isinstance(value, Mapping) or not (value.get("bytes") or value.get("path")):
        raise DataError(f"{where}: there is no picture in this row; leave it out with skip and take")
    if not value.get("bytes"):
        yield Path(value["path"])
        return
    with tempfile.TemporaryDirectory(prefix="upres-") as folder:
        path = Path(folder) / "picture"
        path.write_bytes(value["bytes"])
        try:
            yield path
        except PictureError as error:
            raise error.at(where) from error


@contextlib.contextmanager
def _one_line(title: str, options: HfConfig) -> Iterator[None]:
    """Turn what the library raises, of whatever kind, into one line that says what to do."""
    # It tells of each of its retries; all that counts is how they end.
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    except DataError:
        raise
    except ConnectionError as error:
        raise DataError(
            f"{title}: the hub cannot be reached; connect, or on a machine that can, run "
            f"datasets.load_dataset({options.dataset!r}).save_to_disk('FOLDER') and give dataset: FOLDER "
            f"({first_line(error)})"
        ) from error
    except Exception as error:  # the library's own kinds are many, and those of its libraries more
        raise DataError(
            f"{title}: {first_line(error)}; check dataset, subset, split and revision in the recipe"
        ) from error
    finally:
        log.setLevel(level)
