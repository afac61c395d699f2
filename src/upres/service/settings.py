"""What whoever starts the service decides."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from upres.config import limits
from upres.errors import ConfigError
from upres.service.messages import WorkerSettings

PORT = 8737
"""Where it listens unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """How the service listens, whom it answers, and how much it takes on.

    Attributes:
        host, port: where it listens; port 0 takes a free one.
        token: what a request must bring, or `None`.
        hosts: names besides the loopback's by which it may be called.
        origins: pages of other hosts that may call it, such as `https://example.org`.
        proxies: addresses of proxies whose word about the client is taken.
        model: what is loaded at the start, and used where a request names none.
        device, backend, precision, threads: as in `upres.load`.
        folder: where the files of requests lie while they are needed; `None` for the system's temporary folder.
        max_body, max_pixels, max_frames, max_made_pixels, max_memory, max_queue, max_seconds, max_job_seconds,
            keep_seconds, max_spool, header_seconds, silent_seconds, grace_seconds: as `limits.SERVICE_LIMITS` says.
        renew_bytes: a worker that has this much memory when it has done its work is replaced; `None` for what leaves
            room for the one that takes its place.

    Raises:
        ConfigError: one of them is out of range.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    token: str | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    model: str = "base"
    device: str = "auto"
    backend: str = "auto"
    precision: str = "near"
    threads: int | None = None
    folder: Path | None = None
    max_body: int = limits.MAX_BODY_BYTES
    max_pixels: int = limits.MAX_POSTED_PIXELS
    max_frames: int = limits.MAX_POSTED_FRAMES
    max_made_pixels: int = limits.MAX_MADE_PIXELS
    max_memory: int = limits.MAX_SERVICE_BYTES
    max_queue: int = limits.MAX_QUEUE
    max_seconds: int = limits.MAX_WORK_SECONDS
    max_job_seconds: int = limits.MAX_JOB_SECONDS
    keep_seconds: int = limits.MAX_KEPT_SECONDS
    max_spool: int = limits.MAX_SPOOL_BYTES
    header_seconds: int = limits.MAX_HEADER_SECONDS
    silent_seconds: int = limits.MAX_SILENT_SECONDS
    grace_seconds: int = limits.MAX_GRACE_SECONDS
    renew_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} = {getattr(self, name)}: should be at least 1", settings=(name,))
        if not 0 <= self.port <= 65_535:
            raise ConfigError(f"port = {self.port}: should be from 0 to 65,535", settings=("port",))
        if self.token is not None and not (self.token and self.token.isascii() and self.token.isprintable()):
            raise ConfigError("token: should be printable ASCII, and not empty", settings=("token",))
        if self.max_memory < _LEAST_MEMORY:
            raise ConfigError(
                f"max_memory = {self.max_memory / 1e6:,.0f} MB: the service needs {_LEAST_MEMORY / 1e6:,.0f} MB at "
                "least; allow as much",
                settings=("max_memory",),
            )
        if "/" in self.model or "." in self.model:
            raise ConfigError(f"model {self.model}: the service takes names of upres models", settings=("model",))
        for origin in self.origins:
            if origin.count("/") != 2 or not origin.startswith(("http://", "https://")):
                raise ConfigError(f"origin {origin}: should be like https://example.org", settings=("allow_origin",))

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def renewed_at(self) -> int:
        """Bytes at which a worker is replaced."""
        return self.max_memory - 2 * OWN_BYTES if self.renew_bytes is None else self.renew_bytes

    @property
    def for_worker(self) -> WorkerSettings:
        """What a worker is told of them."""
        return WorkerSettings(
            model=self.model,
            device=self.device,
            backend=self.backend,
            precision=self.precision,
            threads=self.threads,
            max_pixels=self.max_pixels,
            max_frames=self.max_frames,
            max_made_pixels=self.max_made_pixels,
            max_memory=self.max_memory - OWN_BYTES,
            max_file=self.max_spool,
        )


OWN_BYTES = 150_000_000
"""What the server process takes, with all requests of a full queue, and what the worker's runtime keeps of others."""

_LEAST_MEMORY = OWN_BYTES + 550_000_000
_COUNTS = (
    "max_body",
    "max_pixels",
    "max_frames",
    "max_made_pixels",
    "max_queue",
    "max_seconds",
    "max_job_seconds",
    "keep_seconds",
    "max_spool",
    "header_seconds",
    "silent_seconds",
    "grace_seconds",
)
