"""Connect to a Dask scheduler: check its address, open a client, and check that all machines have the same versions."""

import logging
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rdrop_cli.errors import RdropError, SchedulerLostError, ValueRefusedError, tell_extra
from rdrop_cli.jobs.remote import explain_other_versions, read_versions

if TYPE_CHECKING:
    from distributed import Client
    from distributed.security import Security

SCHEMES = ("tcp", "tls")
SECONDS_TO_ANSWER = 5


def check_scheduler(address: str) -> None:
    """Refuse a malformed address of a scheduler, or any address if Dask is not installed.

    Raises:
        UsageError: the address is malformed.
        RdropError: the cluster extra is not installed.
    """
    try:
        parts = urlsplit(address)
        whole = parts.scheme in SCHEMES and parts.hostname and parts.port and not parts.path.strip("/")
    except ValueError:
        whole = False
    if not whole:
        raise ValueRefusedError("scheduler", address, "tcp://HOST:PORT or tls://HOST:PORT")
    if find_spec("distributed") is None:
        raise RdropError(f"needs the cluster extra: {tell_extra('cluster')}", field="scheduler")


@contextmanager
def connect(scheduler: str) -> Iterator["Client"]:
    """Yield a client of the scheduler, closed afterwards.

    Raises:
        SchedulerLostError: the scheduler went away while the block ran, or cancelled running tasks.
        RdropError: the scheduler does not answer, or its address needs certificates and there are none.
    """
    try:
        import dask
        from distributed import Client
    except Exception as error:  # an error in Dask's configuration files, which it reads on import
        reason = " ".join(str(error).split())
        raise RdropError(f"Dask cannot start ({reason:.300}); correct its settings, or set DASK_CONFIG") from error

    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # our own one-line error says what matters
    # The series is part of the graph, so the scheduler can have it computed again; a warning about its size is useless.
    quiet = {"distributed.admin.large-graph-warning-threshold": "1TB"}
    with dask.config.set(quiet):
        try:
            security = _read_certificates(scheduler)
            client = Client(scheduler, timeout=SECONDS_TO_ANSWER, security=security, set_as_default=False, name="rdrop")
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RdropError(f"no Dask scheduler answers at {scheduler} ({reason})", field="scheduler") from error
        with client:
            try:
                yield client
            except (CancelledError, OSError, RuntimeError) as error:
                if client.status == "running" and not isinstance(error, CancelledError):
                    raise
                again = "start it and its workers again, or resume without ‹scheduler›"
                raise SchedulerLostError(f"the scheduler at {scheduler} is lost; {again}") from error


def _read_certificates(scheduler: str) -> "Security":
    """Return the TLS settings in Dask's configuration.

    Raises:
        RdropError: it has none, and the address needs them.
        OSError: a certificate file that it names cannot be read.
    """
    from distributed.security import Security

    security = Security()
    if urlsplit(scheduler).scheme == "tls" and not security.get_connection_args("client").get("ssl_context"):
        raise RdropError(
            f"{scheduler}: Dask's configuration names no certificates for TLS; "
            "set distributed.comm.tls.ca-file, and client.cert and client.key below it",
            field="scheduler",
        )
    return security


def check_versions(client: "Client") -> None:
    """Refuse a cluster that could compute different numbers; workers that join later are checked at each run.

    Raises:
        RdropError: the scheduler or a worker, which is named, cannot run rdrop or has other versions than this machine.
    """
    wanted = read_versions()
    try:
        found = {"the scheduler": client.run_on_scheduler(read_versions)}
    except Exception as error:  # any exception: its Python may lack rdrop
        found = {"the scheduler": error}
    found |= {f"worker {name}": value for name, value in client.run(read_versions, on_error="return").items()}
    for who, versions in found.items():
        if isinstance(versions, Exception):
            reason = " ".join(str(versions).split())
            raise RdropError(f"{who} cannot run rdrop ({type(versions).__name__}: {reason:.200}); install it there")
        if difference := explain_other_versions(wanted, versions):
            raise RdropError(f"{who} {difference}")
