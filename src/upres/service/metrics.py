"""What the service counts, and how Prometheus reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
_MEGAPIXELS = (0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Histogram:
    """How many values lie below each of some edges.

    Args:
        edges: ascending.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = edges
        self._counts = [0] * (len(edges) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._sum += value
        self._counts[sum(value > edge for edge in self._edges)] += 1

    def lines(self, name: str) -> Iterable[str]:
        """Yield its lines in Prometheus' text."""
        total = 0
        for edge, count in zip((*self._edges, "+Inf"), self._counts, strict=True):
            total += count
            yield f'{name}_bucket{{le="{edge}"}} {total}'
        yield f"{name}_sum {self._sum:.6g}"
        yield f"{name}_count {total}"


class Metrics:
    """All that is counted since the service was started."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._refusals: Counter[str] = Counter()
        self._restarts: Counter[str] = Counter()
        self._seconds = Histogram(_SECONDS)
        self._queue_seconds = Histogram(_SECONDS)
        self._megapixels = Histogram(_MEGAPIXELS)

    def request(self, method: str, route: str, status: int) -> None:
        """Count an answer."""
        self._requests[method, route, status] += 1

    def refusal(self, kind: str) -> None:
        """Count a problem by its kind."""
        self._refusals[kind] += 1

    def restarted(self, reason: str) -> None:
        """Count a worker that was replaced."""
        self._restarts[reason] += 1

    def enlarged(self, *, waited: float, worked: float, megapixels: float) -> None:
        """Count a result: seconds in the queue and of work, and how large it is."""
        self._queue_seconds.add(waited)
        self._seconds.add(worked)
        self._megapixels.add(megapixels)

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Return everything in Prometheus' text format, with numbers of this moment: name → meaning and value."""
        lines: list[str] = []
        for name, (meaning, value) in gauges.items():
            lines += [f"# HELP upres_{name} {meaning}", f"# TYPE upres_{name} gauge", f"upres_{name} {value:g}"]
        lines += ["# HELP upres_requests_total Answers.", "# TYPE upres_requests_total counter"]
        for (method, route, status), count in sorted(self._requests.items()):
            lines.append(f'upres_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}')
        lines += ["# HELP upres_refusals_total Problems by kind.", "# TYPE upres_refusals_total counter"]
        lines += [f'upres_refusals_total{{kind="{kind}"}} {count}' for kind, count in sorted(self._refusals.items())]
        lines += ["# HELP upres_worker_restarts_total Workers replaced.", "# TYPE upres_worker_restarts_total counter"]
        lines += [
            f'upres_worker_restarts_total{{reason="{reason}"}} {count}'
            for reason, count in sorted(self._restarts.items())
        ]
        for name, meaning, histogram in (
            ("work_seconds", "Seconds of work on a picture.", self._seconds),
            ("queue_seconds", "Seconds that a picture waited.", self._queue_seconds),
            ("result_megapixels", "Megapixels of results.", self._megapixels),
        ):
            lines += [f"# HELP upres_{name} {meaning}", f"# TYPE upres_{name} histogram"]
            lines += histogram.lines(f"upres_{name}")
        return "\n".join(lines) + "\n"
