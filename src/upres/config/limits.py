"""Every limit that protects the process, once: its default, and in `LIMITS` what it means and what happens there.

What has a setting may be given another value by whoever calls. What a format itself can hold stands in the table of
formats.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_PIXELS = 500_000_000
"""Pixels of a picture that is read; larger ones are refused by their header, before they are decoded."""

MAX_FRAMES = 10_000
"""Frames of an animation, or pages of a TIFF: seven minutes at 25 a second, and more than scanners bind in one file."""

MAX_FRAME_PIXELS = 40_000_000
"""Pixels of a film's frame, of the enlarged one too: 8K has 33 million, and a dozen are held at once."""

MAX_SIDE = 100_000_000
"""Rows or columns that libvips counts (VIPS_MAX_COORD); frames stand one below the other in one image."""

MAX_MEMORY = 1_000_000_000
"""Bytes that an enlargement of a file keeps the process below; tiles follow from it."""

MAX_SCALE = 32
"""Output side ÷ input side: ×32 turns one megapixel into a thousand; above it a scale is a slip of the finger."""

MAX_RESOLUTION = 10_000
"""Pixels a millimetre on paper: 254,000 dpi; libvips takes no more than 1,000,000 of what that becomes ×32."""

MAX_METADATA_ENTRIES = 4096
"""Entries of one table of tags in EXIF or TIFF; cameras write some two hundred."""

MAX_METADATA_BYTES = 64 << 20
"""Bytes of all values that are read from the tables of one EXIF block or TIFF page."""

MAX_NETPBM_HEADER = 4096
"""Bytes in which the header of a PPM, PGM or PBM ends, its comments among them."""

MAX_TIFF_PIECE = 50_000_000
"""Bytes of a compressed strip or tile of a TIFF up to which libtiff's own checks are on; longer ones count as held."""

MAX_GIF_ZEROS = 16
"""Zeros in a row between two blocks of a GIF: some writers leave a few; more are a part that was never written."""

MAX_NAME_BYTES = 200
"""Bytes of a name that an unfinished file takes over into its own; most file systems end at 255."""

MAX_RECIPE_BYTES = 1_000_000
"""Characters of a recipe; ours have two thousand."""

MAX_RECIPE_VALUES = 100_000
"""Values in a recipe once repeated parts are written out: nine lines of YAML can say a thousand million."""

MAX_SEED = 2**64 - 1
"""What PyTorch's generators take."""

MAX_STEPS = 1_000_000_000
"""Epochs, steps of an epoch, and pairs of a step, each: a step takes a millisecond at least, so this is twelve days."""

MAX_MODEL_BYTES = 2**31 - 1
"""Bytes of a model's file: what an ONNX file can hold."""

MAX_UNPACKED = 4
"""Unpacked ÷ packed bytes of a file that PyTorch saved: weights that somebody has compressed come to 1.1."""

MAX_PARAMETERS = 500_000_000
"""Parameters of a network that is built: 2 GB in float32; the largest that others publish have 60 million."""

MAX_TENSORS = 5_000
"""Tensors of weights in a network, and any number of its configuration; the largest that others publish have 2,000."""

MAX_REACH = 100_000
"""Pixels: a model's receptive-field radius and the multiple of its sides; no picture is larger."""

MAX_VOTES_BYTES = 20_000_000
"""Of a file of votes on pictures; a vote takes two hundred."""

MAX_ATTEMPTS = 8
"""Times that a request to a bucket or a web server is sent, without a byte of progress in between."""

MAX_PAUSE_SECONDS = 30
"""Seconds of the longest pause before one is sent again; all pauses together take a minute."""

MAX_REQUEST_SECONDS = 120
"""Seconds for a request to a bucket: its longest part, of 8 MB, on a line of half a megabit."""

MAX_FETCHED = 8
"""Pictures of a bucket that are fetched, or wait to be put, at once; they lie on disk."""

MAX_REFUSALS = 100
"""Pictures one after the other that a bucket refuses, after which a run ends: its rights have been taken away."""

MAX_BODY_BYTES = 64_000_000
"""Bytes of a request to the service: a photograph of 50 megapixels as JPEG, or one of 20 as PNG."""

MAX_FIELDS = 20
"""Fields of a form; the service knows twelve."""

MAX_FIELD_BYTES = 1_000
"""Bytes of a field's value, or of a header line of a form's part."""

MAX_POSTED_PIXELS = 50_000_000
"""Pixels of a picture that is posted, all its frames together."""

MAX_POSTED_FRAMES = 300
"""Frames or pages of a picture that is posted."""

MAX_MADE_PIXELS = 400_000_000
"""Pixels of a picture that the service makes, all its frames together."""

MAX_AWAITED_PIXELS = 100_000_000
"""Pixels of a result up to which a request is answered with it; a larger one becomes a job."""

MAX_SERVICE_BYTES = 1_500_000_000
"""Bytes of memory that the service keeps its processes below: 150 MB of it for its own, the rest for the worker."""

MAX_QUEUE = 64
"""Requests that may be received or wait for their turn at once."""

MAX_CONNECTIONS = 1_000
"""Connections that may be open at once."""

MAX_HEADER_SECONDS = 15
"""Seconds in which the head of a request arrives, and for which a connection may be silent between two."""

MAX_SILENT_SECONDS = 10
"""Seconds between two pieces of a body, or of an answer that is taken."""

MAX_BODY_SECONDS = 120
"""Seconds in which a body arrives."""

MAX_WORK_SECONDS = 300
"""Seconds of work on a request that waits for its picture, from the moment at which it is begun."""

MAX_JOB_SECONDS = 3_600
"""Seconds of work on a job."""

MAX_KEPT_SECONDS = 600
"""Seconds for which a job's result is kept, and what became of it is known."""

MAX_JOBS = 200
"""Jobs that are known at once, those that have ended too."""

MAX_SPOOL_BYTES = 4_000_000_000
"""Bytes of all that the service has on disk: what was posted, and results."""

MAX_STREAMS = 100
"""Event streams that may be open at once."""

MAX_GRACE_SECONDS = 30
"""Seconds that requests get to end when the service is asked to stop."""


@dataclass(frozen=True)
class Limit:
    """A row of the table.

    Attributes:
        name: the constant's.
        value: its default.
        unit: what is counted.
        meaning: of what, in words.
        beyond: what happens to more.
        setting: the name in Python of what gives it another value, or `None`.
    """

    name: str
    value: int
    unit: str
    meaning: str
    beyond: str = "refused"
    setting: str | None = None


LIMITS = (
    Limit("MAX_PIXELS", MAX_PIXELS, "pixels", "a picture that is read", "refused by its header", "max_pixels"),
    Limit("MAX_FRAMES", MAX_FRAMES, "pictures", "frames or pages of a file", "refused by its header", "max_frames"),
    Limit("MAX_FRAME_PIXELS", MAX_FRAME_PIXELS, "pixels", "a film's frame, before and after"),
    Limit("MAX_SIDE", MAX_SIDE, "pixels", "a side; all frames one below the other", "refused by its header"),
    Limit(
        "MAX_MEMORY",
        MAX_MEMORY,
        "bytes",
        "the process while a file is enlarged",
        "smaller tiles; refused where the coders alone need more",
        "max_memory",
    ),
    Limit("MAX_SCALE", MAX_SCALE, "times", "output side ÷ input side"),
    Limit("MAX_RESOLUTION", MAX_RESOLUTION, "pixels a mm", "a picture's resolution on paper", "left behind"),
    Limit("MAX_METADATA_ENTRIES", MAX_METADATA_ENTRIES, "entries", "a table of tags", "left behind"),
    Limit("MAX_METADATA_BYTES", MAX_METADATA_BYTES, "bytes", "the values of a picture's tags", "left behind"),
    Limit("MAX_NETPBM_HEADER", MAX_NETPBM_HEADER, "bytes", "the header of a PPM, comments included"),
    Limit(
        "MAX_TIFF_PIECE",
        MAX_TIFF_PIECE,
        "bytes",
        "a compressed strip or tile of a TIFF",
        "read where `max_memory` holds it as a whole",
    ),
    Limit("MAX_GIF_ZEROS", MAX_GIF_ZEROS, "bytes", "zeros between two blocks of a GIF"),
    Limit("MAX_NAME_BYTES", MAX_NAME_BYTES, "bytes", "what an unfinished file's name takes of the output's", "cut"),
    Limit("MAX_RECIPE_BYTES", MAX_RECIPE_BYTES, "characters", "a recipe"),
    Limit("MAX_RECIPE_VALUES", MAX_RECIPE_VALUES, "values", "a recipe, repetitions written out"),
    Limit("MAX_SEED", MAX_SEED, "", "a recipe's seed"),
    Limit("MAX_STEPS", MAX_STEPS, "each", "a recipe's epochs, steps of an epoch, pairs of a step"),
    Limit("MAX_MODEL_BYTES", MAX_MODEL_BYTES, "bytes", "a model's file"),
    Limit("MAX_UNPACKED", MAX_UNPACKED, "times", "unpacked ÷ packed bytes of a `.pth` file"),
    Limit("MAX_PARAMETERS", MAX_PARAMETERS, "numbers", "a network that a recipe or a model asks for"),
    Limit("MAX_TENSORS", MAX_TENSORS, "tensors", "the same"),
    Limit("MAX_REACH", MAX_REACH, "pixels", "a model's receptive-field radius, and its multiple"),
    Limit("MAX_VOTES_BYTES", MAX_VOTES_BYTES, "bytes", "a file of votes"),
    Limit("MAX_ATTEMPTS", MAX_ATTEMPTS, "times", "a request to a bucket or a web server, without progress", "it fails"),
    Limit("MAX_PAUSE_SECONDS", MAX_PAUSE_SECONDS, "s", "the longest pause before one is sent again", "no longer"),
    Limit("MAX_REQUEST_SECONDS", MAX_REQUEST_SECONDS, "s", "one request to a bucket", "it is sent again"),
    Limit("MAX_FETCHED", MAX_FETCHED, "pictures", "fetched, or waiting to be put, at once", "they wait"),
    Limit("MAX_REFUSALS", MAX_REFUSALS, "pictures", "that a bucket refuses one after the other", "the run ends"),
)
"""What protects every process, in the order in which a reader meets them; `docs/reliability.md` shows it."""

SERVICE_LIMITS = (
    Limit("MAX_BODY_BYTES", MAX_BODY_BYTES, "bytes", "a request's body", "413", "max_body"),
    Limit("MAX_FIELDS", MAX_FIELDS, "fields", "a form", "400"),
    Limit("MAX_FIELD_BYTES", MAX_FIELD_BYTES, "bytes", "a field's value, or a line of its head", "400"),
    Limit("MAX_POSTED_PIXELS", MAX_POSTED_PIXELS, "pixels", "a picture, all frames", "413 by its header", "max_pixels"),
    Limit("MAX_POSTED_FRAMES", MAX_POSTED_FRAMES, "pictures", "frames or pages", "413 by its header", "max_frames"),
    Limit("MAX_MADE_PIXELS", MAX_MADE_PIXELS, "pixels", "a result, all frames", "413 by its header", "max_made_pixels"),
    Limit("MAX_AWAITED_PIXELS", MAX_AWAITED_PIXELS, "pixels", "a result that is waited for", "202, a job"),
    Limit(
        "MAX_SERVICE_BYTES",
        MAX_SERVICE_BYTES,
        "bytes",
        "the memory of all processes",
        "smaller tiles; 413 where the coders alone need more; a worker that grew beyond is replaced",
        "max_memory",
    ),
    Limit("MAX_QUEUE", MAX_QUEUE, "requests", "received or waiting at once", "429", "max_queue"),
    Limit("MAX_CONNECTIONS", MAX_CONNECTIONS, "connections", "open at once", "503"),
    Limit(
        "MAX_HEADER_SECONDS",
        MAX_HEADER_SECONDS,
        "s",
        "a request's head, and silence between two",
        "closed",
        "header_seconds",
    ),
    Limit(
        "MAX_SILENT_SECONDS",
        MAX_SILENT_SECONDS,
        "s",
        "between pieces of a body or an answer",
        "408, or closed",
        "silent_seconds",
    ),
    Limit("MAX_BODY_SECONDS", MAX_BODY_SECONDS, "s", "a whole body", "408"),
    Limit("MAX_WORK_SECONDS", MAX_WORK_SECONDS, "s", "work on a request", "504", "max_seconds"),
    Limit("MAX_JOB_SECONDS", MAX_JOB_SECONDS, "s", "work on a job", "it fails", "max_job_seconds"),
    Limit("MAX_KEPT_SECONDS", MAX_KEPT_SECONDS, "s", "a job's result is kept", "404", "keep_seconds"),
    Limit("MAX_JOBS", MAX_JOBS, "jobs", "known at once", "the oldest ended one is forgotten; 429"),
    Limit("MAX_SPOOL_BYTES", MAX_SPOOL_BYTES, "bytes", "the files on disk", "the oldest result goes; 503", "max_spool"),
    Limit("MAX_STREAMS", MAX_STREAMS, "streams", "event streams open at once", "429"),
    Limit("MAX_GRACE_SECONDS", MAX_GRACE_SECONDS, "s", "to end in when it is stopped", "503", "grace_seconds"),
)
"""What `upres serve` adds; `docs/serving.md` shows it."""
