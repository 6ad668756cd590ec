"""Confirmation: the best of many networks is judged on seeds that had no part in choosing it."""

from collections.abc import Callable
from dataclasses import replace

from rdrop_cli.analysis.collect import Collection, Networks
from rdrop_cli.analysis.joint_test import Plan
from rdrop_cli.analysis.judged import Confirmation, StudyVerdict
from rdrop_cli.analysis.network import read_network
from rdrop_cli.analysis.networks import find_references
from rdrop_cli.analysis.verdict import judge_collection
from rdrop_cli.errors import UsageError


def confirm_best(collection: Collection, plan: Plan, first_fresh: int) -> StudyVerdict:
    """Choose the best network of each cell on the seeds below `first_fresh`, and judge it on the others.

    Raises:
        UsageError: there is no seed on one side, nothing to choose from, or no fresh seed of what was chosen.
    """
    choosing = _keep_seeds(collection, lambda seed: seed < first_fresh)
    fresh = _keep_seeds(collection, lambda seed: seed >= first_fresh)
    if not choosing.networks or not fresh.networks:
        side = "below" if not choosing.networks else "at or above"
        raise UsageError(f"there is no seed {side} {first_fresh}; train fresh seeds to confirm on", field="confirm")
    chosen = {row.network: row.chosen_from for row in judge_collection(choosing, plan).networks if row.is_chosen}
    if not chosen:
        raise UsageError(
            "expected three networks or more, of which another than the reference is best", field="confirm"
        )
    references = find_references(collection)
    unseen = [network for network in chosen if not {network, references[network]} <= set(fresh.networks)]
    if len(unseen) == len(chosen):
        names = " and ".join(dict.fromkeys(each.name for one in unseen for each in (one, references[one])))
        raise UsageError(
            f"{unseen[0].name} is the best on the seeds below {first_fresh}; train {names} from seed {first_fresh} on",
            field="confirm",
        )
    compared = {*chosen, *(references[network] for network in chosen)}
    networks = {network: runs for network, runs in fresh.networks.items() if network in compared}
    used = tuple(run for run in fresh.used if read_network(run) in compared)
    judged = judge_collection(replace(fresh, used=used, networks=networks, claimed={}), plan)
    return replace(judged, claims=(), confirmation=Confirmation(first_fresh, chosen))


def _keep_seeds(collection: Collection, keep: Callable[[int], bool]) -> Collection:
    def keep_runs(networks: Networks) -> Networks:
        kept = {network: [run for run in runs if keep(run.seed)] for network, runs in networks.items()}
        return {network: runs for network, runs in kept.items() if runs}

    later = {start: keep_runs(networks) for start, networks in collection.later.items()}
    used = tuple(run for run in collection.used if keep(run.seed))
    return replace(collection, used=used, networks=keep_runs(collection.networks), later=later, attempts={})
