"""`upres serve`: the same over HTTP, with a page."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from upres.cli.terminal import say
from upres.config import limits
from upres.errors import ConfigError, extra

PORT = 8737


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is every one this machine has.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = PORT,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="UPRES_TOKEN",
            help="What requests must bring, as Authorization: Bearer; browsers ask for it as a password.",
            show_default=False,
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name by which the service may be called.", show_default=False),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="A page of another host that may call the service, such as https://example.org.",
            show_default=False,
        ),
    ] = None,
    trust_proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="A proxy whose word about the client is taken.", show_default=False),
    ] = None,
    model: Annotated[str, typer.Option(help="A name from `upres models`: loaded at the start, and the default.")] = (
        "base"
    ),
    device: Annotated[str, typer.Option(help="auto, cpu, gpu, cuda, mps, dml, coreml or npu.")] = "auto",
    backend: Annotated[str, typer.Option(help="auto, onnx, openvino or torch.")] = "auto",
    precision: Annotated[str, typer.Option(help="near, fp32, bf16, fp16, int8, or auto.")] = "near",
    threads: Annotated[
        int | None, typer.Option(help="Threads to use; by default all cores.", show_default=False)
    ] = None,
    max_body: Annotated[
        str, typer.Option(metavar="SIZE", help="Refuse larger requests, such as 64MB.")
    ] = f"{limits.MAX_BODY_BYTES // 10**6}MB",
    max_pixels: Annotated[
        int, typer.Option(help="Refuse larger pictures, by their header.")
    ] = limits.MAX_POSTED_PIXELS,
    max_frames: Annotated[
        int, typer.Option(help="Refuse pictures of more frames or pages.")
    ] = limits.MAX_POSTED_FRAMES,
    max_made_pixels: Annotated[
        int, typer.Option(help="Refuse what would become larger, before it is decoded.")
    ] = limits.MAX_MADE_PIXELS,
    max_memory: Annotated[
        str, typer.Option(metavar="SIZE", help="Memory of all processes together, such as 2GB.")
    ] = f"{limits.MAX_SERVICE_BYTES // 10**6}MB",
    max_queue: Annotated[int, typer.Option(help="Requests that may wait; more are told to come again.")] = (
        limits.MAX_QUEUE
    ),
    max_seconds: Annotated[int, typer.Option(help="Seconds of work on a request.")] = limits.MAX_WORK_SECONDS,
    max_job_seconds: Annotated[int, typer.Option(help="Seconds of work on a job.")] = limits.MAX_JOB_SECONDS,
    keep_seconds: Annotated[int, typer.Option(help="Seconds for which a job's result is kept.")] = (
        limits.MAX_KEPT_SECONDS
    ),
    max_spool: Annotated[
        str, typer.Option(metavar="SIZE", help="Disk for what was posted and for results.")
    ] = f"{limits.MAX_SPOOL_BYTES // 10**9}GB",
    header_seconds: Annotated[int, typer.Option(help="Seconds in which the head of a request arrives.")] = (
        limits.MAX_HEADER_SECONDS
    ),
    silent_seconds: Annotated[
        int, typer.Option(help="Seconds between two pieces of a body, or of an answer that is taken.")
    ] = limits.MAX_SILENT_SECONDS,
    grace_seconds: Annotated[int, typer.Option(help="Seconds that requests get to end after SIGTERM.")] = (
        limits.MAX_GRACE_SECONDS
    ),
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where the requests' files lie; by default the system's temporary folder.", show_default=False
        ),
    ] = None,
    log: Annotated[str, typer.Option(metavar="text|json|off", help="How requests are logged, on standard error.")] = (
        "text"
    ),
) -> None:
    """Enlarge pictures over HTTP, with a page at its address."""
    from upres.config.amounts import parse_memory
    from upres.service.process import Mailbox, WorkerProcess
    from upres.service.settings import ServeSettings

    if log not in ("text", "json", "off"):
        raise ConfigError(f"--log {log}: should be text, json or off")
    settings = ServeSettings(
        host=host,
        port=port,
        token=token,
        hosts=tuple(allow_host or ()),
        origins=tuple(allow_origin or ()),
        proxies=tuple(trust_proxy or ()),
        model=model,
        device=device,
        backend=backend,
        precision=precision,
        threads=threads,
        folder=folder,
        max_body=parse_memory(max_body),
        max_pixels=max_pixels,
        max_frames=max_frames,
        max_made_pixels=max_made_pixels,
        max_memory=parse_memory(max_memory),
        max_queue=max_queue,
        max_seconds=max_seconds,
        max_job_seconds=max_job_seconds,
        keep_seconds=keep_seconds,
        max_spool=parse_memory(max_spool),
        header_seconds=header_seconds,
        silent_seconds=silent_seconds,
        grace_seconds=grace_seconds,
    )
    with extra("serve", "upres serve"):
        for name in ("starlette", "uvicorn", "python_multipart"):
            if importlib.util.find_spec(name) is None:
                raise ModuleNotFoundError(name=name)
    mailbox = Mailbox()
    worker = WorkerProcess(settings.for_worker, mailbox)  # it loads its model while this process loads the rest
    try:
        from upres.service.server import listen, run
        from upres.service.service import Service

        bound = listen(settings)
        service = Service(settings, mailbox, worker)
    except BaseException:
        worker.kill()
        raise
    if not settings.loopback and token is None:
        say(
            f"upres: warning: {host} can be reached from other machines, and no --token is asked for: whoever reaches "
            "it may use it",
            error=True,
        )
    if run(service, bound, _LOGS[log]) == signal.SIGINT:
        raise KeyboardInterrupt


def _text(facts: Mapping[str, Any]) -> None:
    if facts.get("event") == "listening":
        say(f"upres: listening on {facts['address']} (Ctrl-C stops it)", error=True)
    elif "event" not in facts:
        sizes = (
            f" {facts['input']} → {facts['output']} {facts['model']} ×{facts['scale']:g}" if "input" in facts else ""
        )
        problem = f" {facts['problem']}" if "problem" in facts else ""
        what = f"{facts['method']} {facts['route']} {facts['status']}{problem}{sizes} {facts['ms']:.0f} ms"
        say(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {facts['client'] or '-'} {what}", error=True)


def _json(facts: Mapping[str, Any]) -> None:
    moment = time.time()
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))}.{int(moment % 1 * 1000):03}Z"
    os.write(sys.stderr.fileno(), json.dumps({"time": stamp, **facts}).encode() + b"\n")


def _off(facts: Mapping[str, Any]) -> None:
    if facts.get("event") == "listening":
        _text(facts)


_LOGS = {"text": _text, "json": _json, "off": _off}
