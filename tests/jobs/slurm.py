"""Slurm on this machine alone: munge, a controller and one node of two cores, by hand, on the loopback device."""

import getpass
import os
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.waiting import wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "sinfo")
# One core, one job: without control groups, a job's processes are found by their parents.
CONFIGURATION = """\
ClusterName=rdrop-test
SlurmctldHost={host}(127.0.0.1)
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=6000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
KillWait=2
SchedulerParameters=batch_sched_delay=1,sched_interval=2
"""


def say_what_is_missing() -> str | None:
    """Return why Slurm cannot be tried here, or None."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"{', '.join(missing)} not installed (Debian: apt-get install slurm-wlm munge)"
    return None if find_spec("dask_jobqueue") else "dask_jobqueue is not installed (make install)"


@dataclass
class Slurm:
    """A controller and a node, and what their log says."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        ports = find_free_ports(2)
        facts = {"host": socket.gethostname().split(".")[0], "user": getpass.getuser()}
        text = CONFIGURATION.format(folder=self.folder, ports=ports, **facts)
        (self.folder / "slurm.conf").write_text(text, encoding="utf-8")
        self._start_munge()
        for daemon in ("slurmctld", "slurmd"):
            self._start(daemon, "-D", "-f", str(self.folder / "slurm.conf"))
        wait_for(self._is_idle)

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        places = {"key": key, "pid": self.folder / "munged.pid", "seed": self.folder / "munged.seed"}
        options = [f"--{name}-file={path}" for name, path in places.items()]
        # --force: others cannot enter the folder, which is meant.
        self._start("munged", "--foreground", "--force", f"--socket={self.folder / 'munge.socket'}", *options)
        wait_for((self.folder / "munge.socket").exists)

    def _start(self, *command: str) -> None:
        with (self.folder / "output").open("ab") as output:
            environment = os.environ | self.environment
            self.processes.append(subprocess.Popen(command, stdout=output, stderr=output, env=environment))

    def _is_idle(self) -> bool:
        return self.ask("sinfo", "--noheader", "--format=%t").strip() == "idle"

    def ask(self, *command: str) -> str:
        """Return what one of Slurm's commands prints."""
        environment = os.environ | self.environment
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout

    def count_jobs(self) -> int:
        """Return how many jobs were started."""
        return len(set(re.findall(r"(?:Allocate|Started) JobId=(\d+)", self._read_log())))

    def count_jobs_out_of_time(self) -> int:
        """Return how many jobs were ended because their time was up."""
        return len(re.findall(r"Time limit exhausted for JobId=\d+", self._read_log()))

    def _read_log(self) -> str:
        return (self.folder / "slurmctld.log").read_text(encoding="utf-8")

    def stop(self) -> None:
        """End all jobs, then the daemons, the last one first."""
        self.ask("scancel", "--user", getpass.getuser())
        wait_for(lambda: not self.ask("squeue", "--noheader").strip())
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def run_slurm() -> Iterator[Slurm]:
    """Run Slurm while the block runs; the path of a socket must be short, so that the folder is not that of a test."""
    with TemporaryDirectory(prefix="rdrop-slurm-") as folder:
        slurm = Slurm(Path(folder))
        try:
            slurm.start()
            yield slurm
        finally:
            slurm.stop()


def find_free_ports(count: int) -> list[int]:
    """Return ports of the loopback device on which nobody listens."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
