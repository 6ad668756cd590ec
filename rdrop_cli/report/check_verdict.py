"""Recompute every number of a verdict from the runs, in plain Python: it needs neither rdrop nor any other package.

    rdrop verdict --json > verdict.json
    python check_verdict.py verdict.json runs/          # or runs.zip, runs.tar.gz: an archive of run folders

Written independently of the code that judges, from the formulas in docs/verdict.md. Prints each number that differs,
and how many agree; exits with status 1 if any differs.
"""

import csv
import json
import math
import re
import statistics
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ALPHA, ALPHA_RARE, MARGIN_SHARE, HALF, RARE = 0.05, 0.01, 0.02, 0.5, 0.2
ALPHA_SIGNS = ALPHA - ALPHA_RARE
BLOCK_DAYS, BOOK_EPOCHS, NOMINAL, SLACK = 14, 30, 0.8, 0.05
TOLERANCE = 1e-7

NETWORK = "variant", "cell", "epochs", "dropout", "recurrent_dropout"  # and its code, if it is the user's own

Curve = list[float]
Pair = tuple[float, float]
Daily = list[tuple[str, float, float]]  # day, windows, error
Run = tuple[Any, Daily]  # metrics, and the daily errors
Region = list[float | None]  # None for an open end


def list_interval_claims(variant: str) -> dict[str, tuple[str, str]]:
    return {
        "dropout-intervals-narrow": (f"coverage-of-masks {variant}", "narrow"),
        "residual-intervals-true": (f"coverage-of-masks,residual {variant}", "true"),
        "conformal-intervals-true": (f"coverage-of-masks,residual,conformal {variant}", "true"),
        "adaptive-intervals-true": (f"coverage-of-masks,residual,adaptive-conformal {variant}", "true"),
    }


# The claims of edition 1, and those of editions 2 and 3: the question of each, and the name of its region.
CLAIMS: dict[int, dict[str, tuple[str, str]]] = {
    1: {
        "baseline-overfits": ("baseline-overfits-early", "most"),
        "dropout-does-not-overfit": ("dropout-overfits", "rare"),
        "steadier-scores": ("jitter-difference", "below"),
        "best-not-much-lower": ("level-difference", "alike"),
        "longer-to-converge": ("takes-longer", "most"),
        "same-mask-matters": ("step-mask-level-difference", "above"),
        "layer-before-hinders": ("layer-before-level-difference", "above"),
        "beats-naive": ("below-naive", "most"),
        "most-seeds-do-not-overfit": ("dropout-overfits", "few"),
        "better-optimum": ("level-difference", "below"),
        "resists-over-training": ("end-difference", "below"),
        "smaller-gap": ("narrower-gap", "most"),
        "dense-not-below-naive": ("above-naive dense", "not below"),
        "stacked-better": ("level-difference stacked - dropout", "below"),
        "reversed-worse-than-naive": ("above-naive gru-reversed", "above"),
        "bidirectional-as-good": ("level-difference bidirectional - baseline", "alike"),
        "bidirectional-sooner": ("sooner bidirectional - baseline", "most"),
        "conv-worse-than-naive": ("above-naive conv", "above"),
        "conv-gru-not-as-good": ("level-difference conv-gru - dropout", "above"),
        **list_interval_claims("dropout"),
    },
    2: {
        "lstm-beats-naive": ("test-above-1-naive lstm", "below"),
        "lstm-validation": ("lowest-above-naive lstm", "below"),
        "dense-not-below-naive": ("above-naive dense", "not below"),
        "conv-worse-than-naive": ("above-naive conv-average", "above"),
        "conv-worse-than-dense": ("level-difference conv-average - dense", "above"),
        "lstm-overfits": ("overfits-early lstm", "most"),
        "lstm-dropout-no-overfit": ("overfits-by-20 lstm-dropout", "rare"),
        "lstm-dropout-better": ("test-difference lstm-dropout - lstm", "below"),
        "lstm-dropout-validation": ("lowest-above-naive lstm-dropout", "below"),
        "gru-stacked-best": ("test-difference gru-stacked - lstm-dropout", "below"),
        "ten-percent-at-best": ("test-above-0.9-naive gru-stacked", "not below"),
        "bidirectional-worse": ("level-difference lstm-bidirectional - lstm", "above"),
        "bidirectional-sooner": ("sooner lstm-bidirectional - lstm", "most"),
        **list_interval_claims("lstm-dropout"),
    },
}
EDITION_2 = "book2", "book3", "demo2", "demo3"  # protocols


def bound_region(name: str, margin: float) -> Region:
    """Return the ends of a region by its name."""
    regions: dict[str, Region] = {
        "most": [HALF, None],
        "few": [None, HALF],
        "rare": [None, RARE],
        "below": [None, 0.0],
        "above": [0.0, None],
        "not below": [-margin, None],
        "alike": [-margin, margin],
        "narrow": [None, -SLACK],
        "true": [-SLACK, SLACK],
    }
    return regions[name]


def list_claims(runs: dict[str, Run], page: Any) -> dict[str, tuple[str, str]]:
    """Return the claims of the edition whose protocol the runs of a page follow; none if it confirms a choice."""
    if page["confirmed_from_seed"] is not None:
        return {}
    return CLAIMS[2 if runs[page["runs"][0]["run_id"]][0]["protocol"]["name"] in EDITION_2 else 1]


def list_bounds(question: str, claims: dict[str, tuple[str, str]], margin: float) -> Curve:
    """Return the bounds that are tested: those of the claims about a question, or zero for a network of the table."""
    regions = [bound_region(region, margin) for about, region in claims.values() if about == question]
    bounds = {bound for region in regions or [[0.0]] for bound in region if bound is not None}
    return sorted(bounds & {HALF} if is_share(question) else bounds)


class Look(NamedTuple):
    """The results of a look: boundaries of the test and of intervals, p by column, and the numbers seen by question."""

    seeds: int
    boundary: float
    wide: float
    p: Curve
    seen: list[Curve]


def read_runs(path: Path) -> dict[str, Run]:
    """Return {run_id: (metrics, daily)} of a folder or archive of run folders; metrics include the daily coverage."""
    files = dict[str, bytes]()
    if path.is_dir():
        names = "metrics.json", "config.json", "daily_errors.csv", "daily_coverage.csv"
        files = {str(file): file.read_bytes() for name in names for file in path.glob(f"*/{name}")}
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist() if name.endswith((".json", ".csv"))}
    else:
        with tarfile.open(path) as archive:
            members = [member for member in archive if member.name.endswith((".json", ".csv"))]
            files = {each.name: file.read() for each in members if (file := archive.extractfile(each))}
    runs = dict[str, Run]()
    for name, content in files.items():
        if name.endswith("metrics.json"):
            folder = name.removesuffix("metrics.json")
            try:
                metrics = json.loads(content)
                metrics.setdefault("target_std", metrics.get("degc_per_unit"))  # its name in the first runs
                metrics.setdefault("code_sha256", read_code(files.get(f"{folder}config.json")))
            except (ValueError, AttributeError):
                continue  # a damaged run is in no verdict
            rows = read_rows(files.get(f"{folder}daily_errors.csv"))
            days = [(row["day"], float(row["windows"]), float(row["val_mae"])) for row in rows]
            coverage = read_rows(files.get(f"{folder}daily_coverage.csv"))
            runs[Path(folder).name] = (metrics | {"coverage": coverage}, days)
    return runs


def read_code(content: bytes | None) -> str:
    """Return the checksum of a network's code from the configuration of a run; metrics of older runs lack it."""
    return str(json.loads(content or b"{}").get("code_sha256", ""))


def read_rows(content: bytes | None) -> list[dict[str, str]]:
    return list(csv.DictReader(content.decode().splitlines())) if content else []


def find_sources(question: str) -> str | None:
    """Return the sources of the intervals whose coverage a question is about; None for other questions."""
    found = re.match("coverage-of-(.+) ", question)
    return found[1] if found else None


def list_excess(run: Any, sources: str) -> Daily:
    """Return the coverage of the 80 % intervals minus 80 %, by day; empty if it was not measured."""
    rows = [(row["day"], float(row["targets"]), row.get(sources)) for row in run["coverage"]]
    return [(day, targets, float(held) / targets - NOMINAL) for day, targets, held in rows if held is not None]


def measure_excess(run: Any, sources: str) -> float | None:
    days = list_excess(run, sources)
    total = math.fsum(targets for _, targets, _ in days)
    return math.fsum(targets * excess for _, targets, excess in days) / total if total else None


def level(curve: Curve) -> tuple[float, float]:
    """Return the mean error of two epochs that were chosen by their neighbours, and the mean of these epochs."""
    if len(curve) < 4:
        return curve[-1], float(len(curve))
    chosen = list[int]()
    for first in (1, 2):
        chosen.append(min(range(first, len(curve) - 1, 2), key=lambda e: curve[e - 1] + curve[e + 1]))
    return (curve[chosen[0]] + curve[chosen[1]]) / 2, sum(chosen) / 2 + 1


def end(curve: Curve) -> float:
    return statistics.median(curve[-5:])


def run_median(curve: Curve) -> Curve:
    return [statistics.median(curve[max(0, e - 2) : e + 3]) for e in range(len(curve))]


def jitter(curve: Curve) -> float:
    second = [abs(curve[e - 1] - 2 * curve[e] + curve[e + 1]) for e in range(1, len(curve) - 1)]
    return 1.482602218505602 * statistics.median(second) / math.sqrt(6)


def overfit(run: Any, epochs: int | None = None) -> tuple[float, float, bool]:
    """Return (rise, turn, whether it overfits)."""
    curve, training = run["history"]["val_loss"][:epochs], run["history"]["train_mae"][:epochs]
    lowest, turn = level(curve)
    rise = end(curve) - lowest
    falls = end(training) < run_median(training)[int(turn) - 1]
    return rise, turn, rise > margin(run) and falls


def onset(curve: Curve) -> int | None:
    """Return the first epoch from which the running median has risen for good, by more than the jitter."""
    medians, rounding = run_median(curve), 64 * 2.220446049250313e-16 * max(map(abs, curve))
    floor = min(medians) + max(2.5 * jitter(curve), rounding)
    last_down = max(e for e, value in enumerate(medians) if value <= floor)
    return last_down + 2 if len(curve) - 1 - last_down >= 5 else None


def is_late(run: Any) -> bool:
    curve: Curve = run["history"]["val_loss"]
    late = min(5, max(1, len(curve) // 4))
    before, after = statistics.median(curve[-2 * late : -late]), statistics.median(curve[-late:])
    return before - after > 0.02 * float(run["naive"]["val_mae"]) and curve[-1] <= after


def margin(run: Any) -> float:
    return MARGIN_SHARE * float(run["naive"]["val_mae"])


def cut(runs: list[Any]) -> tuple[list[Curve], list[Curve]]:
    equal = min(len(run["history"]["val_loss"]) for run in runs)
    return [run["history"]["val_loss"][:equal] for run in runs], [run["history"]["train_mae"][:equal] for run in runs]


def reach(run: Any, error: float) -> int:
    medians, rounding = run_median(run["history"]["val_loss"]), 64 * 2.220446049250313e-16
    room = rounding * max(map(abs, run["history"]["val_loss"]))
    return next((e + 1 for e, value in enumerate(medians) if value <= error + room), len(medians) + 1)


def is_sooner(runs: list[Any]) -> float:
    curves, trainings = cut(runs)
    shorter = [
        run | {"history": {"val_loss": curve, "train_mae": training}}
        for run, curve, training in zip(runs, curves, trainings, strict=True)
    ]
    return float(level(curves[1])[1] < level(curves[0])[1] and overfit(shorter[1])[2])


def is_early(runs: list[Any]) -> float:
    _, turn, shown = overfit(runs[0])
    return float(shown and turn <= len(runs[0]["history"]["val_loss"]) / 2)


def differ(measure: Callable[[Curve], float], runs: list[Any]) -> float:
    """Return a measure of the second curve minus that of the first, over the epochs that both have."""
    curves, _ = cut(runs)
    return measure(curves[1]) - measure(curves[0])


def differ_in_level(runs: list[Any]) -> float:
    return differ(lambda curve: level(curve)[0], runs)


def takes_longer(runs: list[Any]) -> float:
    target = level(runs[0]["history"]["val_loss"])[0] + margin(runs[0])
    return float(reach(runs[1], target) > reach(runs[0], target))


def are_below_naive(runs: list[Any]) -> float:
    curves, _ = cut(runs)
    return float(all(level(curve)[0] < run["naive"]["val_mae"] for curve, run in zip(curves, runs, strict=True)))


def narrows_gap(runs: list[Any]) -> float:
    curves, trainings = cut(runs)
    gaps = [end(curve) - end(training) for curve, training in zip(curves, trainings, strict=True)]
    return float(gaps[1] < gaps[0] and end(curves[1]) <= end(curves[0]))


# The number of a seed, by the first word of a question's id; the networks may follow in the id.
BY_KIND: dict[str, Callable[[list[Any]], float]] = {
    "sooner": is_sooner,
    "overfits-early": is_early,
    "baseline-overfits-early": is_early,
    "level-difference": differ_in_level,
    "step-mask-level-difference": differ_in_level,
    "layer-before-level-difference": differ_in_level,
    "jitter-difference": lambda runs: differ(jitter, runs),
    "end-difference": lambda runs: differ(end, runs),
    "takes-longer": takes_longer,
    "below-naive": are_below_naive,
    "narrower-gap": narrows_gap,
    "test-difference": lambda runs: runs[1]["test"]["mae"] - runs[0]["test"]["mae"],
    "above-naive": lambda runs: level(runs[0]["history"]["val_loss"])[0] - runs[0]["naive"]["val_mae"],
    "lowest-above-naive": lambda runs: min(runs[0]["history"]["val_loss"]) - runs[0]["naive"]["val_mae"],
    "test-above-1-naive": lambda runs: runs[0]["test"]["mae"] - runs[0]["naive"]["test_mae"],
    "test-above-0.9-naive": lambda runs: runs[0]["test"]["mae"] - 0.9 * runs[0]["naive"]["test_mae"],
}


SHARES = (
    *("sooner", "overfits-early", "baseline-overfits-early"),
    *("takes-longer", "below-naive", "narrower-gap"),
)


def is_share(question: str) -> bool:
    return question.split()[0] in SHARES or find_rare_epochs(question) is not None


def needs_turn(question: str) -> bool:
    """Return whether a run that was still improving cannot answer no: the questions on overfitting."""
    return "overfits" in question.split()[0]


def find_rare_epochs(question: str) -> int | None:
    """Return the epoch of a question on rare overfitting; None for other questions."""
    if question == "dropout-overfits":
        return BOOK_EPOCHS
    found = re.match(r"overfits-by-(\d+) ", question)
    return int(found[1]) if found else None


def measure(question: str, runs: list[Any]) -> float | None:
    """Return the number of a seed; None if the coverage of its intervals was not measured."""
    if sources := find_sources(question):
        return measure_excess(runs[0], sources)
    if rare := find_rare_epochs(question):
        return float(overfit(runs[0], rare)[2])
    if (kind := question.split()[0]) not in BY_KIND:
        sys.exit(f"check_verdict.py does not know the question {question}: take the one of the rdrop that asked it")
    return BY_KIND[kind](runs)


def spend(looks: list[int], seeds: int) -> float:
    first, last = looks[0], looks[-1]
    reached = max((look for look in looks if look <= seeds), default=0)
    if not reached or first == last:
        return ALPHA_SIGNS if reached else 0.0
    least = 2.0 ** (1 - first)
    start = max(ALPHA_SIGNS * first / last, least * min(3, math.floor(0.8 * ALPHA_SIGNS / least)))
    return start + (ALPHA_SIGNS - start) * (reached - first) / (last - first)


def draw_sign(row: int, seed: int) -> int:
    """Return a sign: from the bits of the row for the first 14 seeds, from SplitMix64 for later ones."""
    if row == 0 or seed == 0:
        return 1
    if seed < 14:
        return 1 - 2 * ((row >> (seed - 1)) & 1)
    mask = (1 << 64) - 1
    mixed = (row * 64 + seed + 1) * 0x9E3779B97F4A7C15 & mask
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & mask
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & mask
    return 1 - 2 * ((mixed ^ (mixed >> 31)) & 1)


class Spending:
    """Tracks the rows of signs that have not exceeded a boundary; the others are spent."""

    def __init__(self, rows: int) -> None:
        self.alive, self.rows = set(range(rows)), rows

    def find_boundary(self, largest: Curve, allowed_level: float) -> float:
        spent = self.rows - len(self.alive)
        allowed = math.floor(allowed_level * self.rows + 1e-9) - spent
        if allowed <= 0:
            return math.inf
        ranked = sorted((largest[row] for row in self.alive), reverse=True)
        boundary = ranked[allowed] if allowed < len(ranked) else -1.0
        self.alive = {row for row in self.alive if largest[row] <= boundary * (1 + 1e-9)}
        return boundary


def take_looks(
    table: list[list[float | None]], columns: list[tuple[int, float]], middles: list[int], plan: list[int]
) -> list[Look]:
    """Return the looks that are reached.

    Args:
        table: one row per seed, with a number or None for every question.
        columns: question and bound of each test.
        middles: questions whose intervals are of means.
    """
    questions = range(len(table[0]) if table else 0)
    rows = 2 ** (min(max(len(table), 1), 14) - 1)
    sums, counts = ([[0.0] * len(questions) for _ in range(rows)] for _ in range(2))
    test, wide, looks = Spending(rows), Spending(rows), list[Look]()
    for n, numbers in enumerate(table, start=1):
        for row in range(rows):
            sign = draw_sign(row, n - 1)
            for q, value in enumerate(numbers):
                if value is not None:
                    sums[row][q] += sign * value
                    counts[row][q] += sign
        if n not in plan:
            continue
        seen = [[value for line in table[:n] if (value := line[q]) is not None] for q in questions]
        statistic = [flip(sums, counts, q, bound, seen[q]) for q, bound in columns]
        largest = [max(values) for values in zip(*statistic, strict=True)]
        spent, level_now = rows - len(test.alive), spend(plan, n)
        reached = [sum(largest[row] >= values[0] * (1 - 1e-9) for row in test.alive) for values in statistic]
        around = [flip(sums, counts, q, statistics.fmean(seen[q]), seen[q]) for q in middles if seen[q]]
        widest = [max(values) for values in zip(largest, *around, strict=True)]
        boundaries = test.find_boundary(largest, level_now), wide.find_boundary(widest, level_now)
        looks.append(Look(n, *boundaries, [(spent + each) / rows for each in reached], seen))
    return looks


def flip(sums: list[Curve], counts: list[Curve], q: int, bound: float, seen: Curve) -> Curve:
    """Return S of a question at a bound under every row of signs."""
    total, size = math.fsum((x - bound) ** 2 for x in seen), math.fsum(x * x for x in seen)
    if not seen or total <= 1e-14 * (size + len(seen) * bound**2):
        return [0.0] * len(sums)
    return [abs(of[q] - bound * signs[q]) / math.sqrt(total) for of, signs in zip(sums, counts, strict=True)]


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(1 - x)) / a
    fraction, c, d = 1.0, 1.0, 0.0
    for step in range(500):
        m = step // 2
        if step == 0:
            factor = 1.0
        elif step % 2 == 0:
            factor = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            factor = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + factor * d or 1e-300)
        c = 1 + factor / c or 1e-300
        fraction *= c * d
        if abs(1 - c * d) < 1e-16:
            break
    return front * (fraction - 1)


def bisect(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the zero of an increasing function."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


def quantile_t(share: float, freedom: float) -> float:
    """Return a quantile of Student's t above the median."""
    tail = 2 * (1 - share)
    x = bisect(lambda z: incomplete_beta(freedom / 2, 0.5, z) - tail, 0.0, 1.0)
    return math.sqrt(freedom * (1 - x) / x)


def bound_share(shown: int, seeds: int, boundary: float) -> Pair:
    """Return Clopper and Pearson's interval at the level of the sign test at a boundary."""
    beyond = [k for k in range(seeds + 1) if abs(2 * k - seeds) > boundary * math.sqrt(seeds) * (1 + 1e-9)]
    tail = sum(math.comb(seeds, k) for k in beyond) / 2**seeds / 2
    return bound_at_tail(shown, seeds, tail) if tail else (0.0, 1.0)


def bound_at_tail(shown: int, seeds: int, tail: float) -> Pair:
    """Return Clopper and Pearson's interval of a share, from the probability beyond each end."""
    low = bisect(lambda x: incomplete_beta(shown, seeds - shown + 1, x) - tail, 0, 1) if shown else 0.0
    high = bisect(lambda x: incomplete_beta(shown + 1, seeds - shown, x) - 1 + tail, 0, 1) if shown < seeds else 1.0
    return low, high


def bet(shown: Curve, share: float) -> float:
    paid = best = 1.0
    for x in shown:
        paid *= x * 0.02 / share + (1 - x) * 0.98 / (1 - share)
        best = max(best, paid)
    return best


def differ_by_day(question: str, sides: list[Run]) -> Daily:
    """Return the daily numbers of a seed's runs: a difference, or a coverage minus 80 %; empty if not kept."""
    if sources := find_sources(question):
        return list_excess(sides[0][0], sources)
    if len(sides) != 2:
        return []
    (_, one), (_, other) = sides
    if [day for day, _, _ in one] != [day for day, _, _ in other]:
        return []
    return [(day, windows, second - first) for (day, windows, first), (_, _, second) in zip(one, other, strict=True)]


def measure_period(seeds: list[Daily], compared: int) -> Pair | None:
    """Return (standard error over blocks, half of the interval); None if too few days were kept."""
    kept = [each for each in seeds if each]
    if not kept or len(kept[0]) < 4 * BLOCK_DAYS:
        return None
    days = [day for day, _, _ in kept[0]]
    kept = [each for each in kept if [day for day, _, _ in each] == days]
    means = [statistics.fmean(each[t][2] for each in kept) for t in range(len(days))]
    starts = [block * BLOCK_DAYS for block in range(len(days) // BLOCK_DAYS)]
    windows = [windows for _, windows, _ in kept[0]]
    blocks = []
    for start, stop in zip(starts, [*starts[1:], len(days)], strict=True):
        total = math.fsum(windows[start:stop])
        blocks.append(math.fsum(m * w for m, w in zip(means[start:stop], windows[start:stop], strict=True)) / total)
    error = statistics.stdev(blocks) / math.sqrt(len(blocks))
    return error, quantile_t(1 - ALPHA_SIGNS / 2 / (2 * compared), len(blocks) - 1) * error


def bound_origins(found: dict[int, dict[int, float]], rows: int, compared: int) -> Pair:
    """Return (standard error of the mean over origins, half of its interval), for periods that may overlap."""
    overlap, freedom = lay_out(list(found), rows)
    count, means = len(found), average(found)
    estimates, seeds = {start: statistics.fmean(of_seed.values()) for start, of_seed in found.items()}, len(means)
    middle = statistics.fmean(estimates.values())
    left = [x - estimates[start] - means[seed] + middle for start, of in found.items() for seed, x in of.items()]
    residual = math.fsum(each**2 for each in left) / ((count - 1) * (seeds - 1)) if seeds > 1 else 0.0
    variance = max(statistics.variance(estimates.values()), residual / seeds)
    error = math.sqrt(variance * (1 + (count - 1) * overlap) / (1 - overlap) / count)
    return error, quantile_t(1 - ALPHA_SIGNS / 2 / (2 * compared), freedom) * error


def lay_out(starts: list[int], rows: int) -> Pair:
    """Return (share that two periods have in common, degrees of freedom of the variance among periods)."""
    count = len(starts)
    shared = [[max(0.0, 1 - abs(one - other) / rows) for one in starts] for other in starts]
    overlap = (sum(map(sum, shared)) - count) / (count * (count - 1))
    middles = [statistics.fmean(row) for row in shared]
    centred = [[shared[i][j] - middles[j] for j in range(count)] for i in range(count)]
    trace = sum(centred[i][i] for i in range(count))
    squared = sum(centred[i][j] * centred[j][i] for i in range(count) for j in range(count))
    return overlap, trace**2 / squared


def intersect_looks(of_share: bool, looks: list[Look], index: int) -> Pair:
    """Return the interval of values that no look excludes, for one question."""
    low, high = (0.0, 1.0) if of_share else (-math.inf, math.inf)
    for look in looks:
        seen, wide, ends = look.seen[index], look.wide, (-math.inf, math.inf)
        if of_share:
            ends = bound_share(int(sum(seen)), len(seen), look.boundary)
        elif len(seen) * (1 - 1e-9) > max(wide**2, 1):
            t = wide * math.sqrt((len(seen) - 1) / (len(seen) - wide**2))
            half = t * statistics.stdev(seen) / math.sqrt(len(seen))
            ends = statistics.fmean(seen) - half, statistics.fmean(seen) + half
        low, high = max(low, ends[0]), min(high, ends[1])
    return low, high


def adjust_p(looks: list[Look], column: int, plan: list[int]) -> float:
    """Return p at the first look that decides, else at the last."""
    relative = [min(1.0, look.p[column] * ALPHA / spend(plan, look.seeds)) for look in looks]
    return next((each for each in relative if each <= ALPHA), relative[-1] if relative else 1.0)


def bound_question(
    question: str,
    looks: list[Look],
    index: int,
    p: dict[float, float],
    values: Curve,
    shown: Curve,
    half: float,
    reach: Curve,
) -> tuple[Pair | None, Pair | None]:
    """Return the interval of the seeds, and the deciding interval; for a rare share, add the bets to `p`.

    Args:
        shown: for each seed, the share of its origins that show it.
        half: half the width of the interval over periods.
        reach: share of seeds at each origin.
    """
    mean, of_share, bets = statistics.fmean(values), is_share(question), find_rare_epochs(question)
    low, high = intersect_looks(of_share, looks, index)
    if bets:
        high = bisect(lambda share: bet(shown, share) - 1 / ALPHA_RARE, 0.02, 1 - 1e-15)
    for bound in [bound for bound, each in p.items() if each <= ALPHA]:
        low, high = (max(low, bound), max(high, bound)) if mean > bound else (min(low, bound), min(high, bound))
    for bound in {*p, RARE} if bets else ():
        p[bound] = min(p.get(bound, 1.0), ALPHA / ALPHA_RARE / bet(shown, bound))
    if (low, high) == (0.0, 1.0) if of_share else math.isinf(low) or math.isinf(high):
        return None, None
    if reach:
        return (low, high), (min(low, *reach), max(high, *reach))
    return (low, high), (mean - math.hypot(max(0.0, mean - low), half), mean + math.hypot(max(0.0, high - mean), half))


def place(interval: Pair | None, region: Region, of_share: bool) -> str:
    low, high = (-math.inf if region[0] is None else region[0], math.inf if region[1] is None else region[1])
    if interval is None or (interval[0] == interval[1] and interval[0] in (low, high)):
        return "undecided"
    room = 1e-9 if of_share else 0.0
    if interval[0] >= low - room and interval[1] <= high + room:
        return "holds"
    return "does-not-hold" if interval[1] <= low + room or interval[0] >= high - room else "undecided"


def choose_p(question: Any, region: Region) -> float | None:
    """Return the largest p of the bounds if the estimate lies between them, else the p of the nearest one."""
    ends = [end for end in region if end is not None]
    p = {of["bound"]: float(of["p"]) for of in question["p"] if any(abs(of["bound"] - e) <= TOLERANCE for e in ends)}
    if not p or not question["looked"]:
        return None
    low, high = (-math.inf if region[0] is None else region[0], math.inf if region[1] is None else region[1])
    if low < question["estimate"] < high:
        return max(p.values())
    return p[min(sorted(p), key=lambda bound: abs(bound - question["estimate"]))]


class Comparison:
    """Counts the numbers that agree, and keeps the differences."""

    def __init__(self) -> None:
        self.agreed, self.different = 0, list[str]()

    def expect(self, name: str, told: Any, found: Any) -> None:
        if isinstance(told, list | tuple) and isinstance(found, list | tuple) and len(told) == len(found):
            for place_, (one, other) in enumerate(zip(told, found, strict=True)):
                self.expect(f"{name}[{place_}]", one, other)
        elif told == found or (
            isinstance(told, int | float) and isinstance(found, int | float) and abs(told - found) <= TOLERANCE
        ):
            self.agreed += 1
        else:
            self.different.append(f"{name}: the verdict says {told}, the runs give {found}")


def rescale(metrics: Any, unit: float) -> Any:
    """Return metrics with errors in the unit of another standard deviation of the target."""
    factor = metrics["target_std"] / unit
    history = {name: [error * factor for error in metrics["history"][name]] for name in ("val_loss", "train_mae")}
    naive = {name: error and error * factor for name, error in metrics["naive"].items() if name.endswith("_mae")}
    test = metrics["test"] and {"mae": metrics["test"]["mae"] * factor}
    return {**metrics, "history": history, "naive": naive, "test": test}


def group_by_network(verdict: Any, runs: dict[str, Run], origin: int) -> dict[str, dict[int, Run]]:
    """Return the runs that a verdict lists at an origin, by the label of their network and by seed."""
    listed = [runs[run["run_id"]] for run in verdict["runs"] if run["run_id"] in runs]
    starts = [metrics["protocol"].get("train_start_row", 0) for metrics, _ in listed]
    unit = listed[0][0]["target_std"] if listed else 1.0
    grouped: dict[str, dict[int, Run]] = {row["label"]: {} for row in verdict["networks"]}
    for (metrics, daily), start in zip(listed, starts, strict=True):
        if start - min(starts) != origin:
            continue
        settings = metrics.get("cell", "gru"), metrics["epochs"]["planned"], *metrics["rates"].values()
        own = metrics["variant"], *settings, metrics["code_sha256"]
        for row in verdict["networks"]:
            if own == (*(row[name] for name in NETWORK), row.get("code_sha256", "")):
                grouped[row["label"]][metrics["seed"]] = (rescale(metrics, unit), daily)
    return grouped


def period_rows(verdict: Any, runs: dict[str, Run]) -> int:
    """Return the length of the validation period."""
    protocols = [runs[run["run_id"]][0]["protocol"] for run in verdict["runs"] if run["run_id"] in runs]
    return int(protocols[0]["val_stop_row"] - protocols[0]["train_stop_row"]) if protocols else 0


def measure_origins(question: Any, at_origins: dict[int, dict[str, dict[int, Run]]]) -> dict[int, dict[int, float]]:
    """Return the numbers of the seeds that all origins have, by origin and seed."""
    sides = {origin: [grouped[label] for label in question["networks"]] for origin, grouped in at_origins.items()}
    seeds = {origin: set.intersection(*map(set, of_origin)) for origin, of_origin in sides.items()}
    common = set.intersection(*filter(None, seeds.values()))
    runs = [side[seed][0] for of in sides.values() for side in of for seed in common & set(side)]
    least = 1 if find_sources(question["id"]) else find_rare_epochs(question["id"]) or 10
    if any(len(run["history"]["val_loss"]) < least for run in runs):
        return {}  # patience ended it: the others would be a choice of runs by their outcome
    found = dict[int, dict[int, float]]()
    for origin in (origin for origin in sides if seeds[origin]):
        of_seed = {seed: measure(question["id"], [side[seed][0] for side in sides[origin]]) for seed in sorted(common)}
        if any(value is not None for value in of_seed.values()):
            found[origin] = {seed: value for seed, value in of_seed.items() if value is not None}
    shared = set.intersection(*map(set, found.values())) if found else set[int]()
    return {origin: {seed: x for seed, x in of_seed.items() if seed in shared} for origin, of_seed in found.items()}


def average(at_origins: dict[int, dict[int, float]]) -> dict[int, float]:
    """Return the mean of every seed over origins."""
    seeds = list(next(iter(at_origins.values()), {}))
    return {seed: statistics.fmean(of_seed[seed] for of_seed in at_origins.values()) for seed in seeds}


def decide_seeds(question: str, means: dict[int, float]) -> dict[int, float]:
    """Return the number of every seed; for a share, whether most of its origins show it."""
    if not is_share(question):
        return means
    return {seed: float(mean > 0.5) for seed, mean in means.items() if mean != 0.5}


def check_networks(compare: Comparison, verdict: Any, grouped: dict[str, dict[int, Run]]) -> None:
    questions = {question["id"]: question for question in verdict["questions"]}
    for row in verdict["networks"]:
        label, runs = row["label"], grouped[row["label"]]
        compare.expect(f"{label}: seeds", row["seeds"], sorted(runs))
        levels = [level(metrics["history"]["val_loss"]) for metrics, _ in runs.values()]
        compare.expect(f"{label}: level", row["level"], statistics.fmean([error for error, _ in levels] or [math.nan]))
        compare.expect(f"{label}: turn", row["turn"], statistics.fmean([turn for _, turn in levels] or [math.nan]))
        tests = [metrics["test"]["mae"] for metrics, _ in runs.values() if metrics["test"]]
        compare.expect(f"{label}: test", row["test"], statistics.fmean(tests) if tests else None)
        long_enough = [metrics for metrics, _ in runs.values() if len(metrics["history"]["val_loss"]) >= 10]
        shown, of = sum(overfit(metrics)[2] for metrics in long_enough), len(long_enough)
        told = row["overfitting"]
        compare.expect(f"{label}: overfitting", (told["seeds"], told["of"]), (shown, of))
        exact = bound_at_tail(shown, of, ALPHA / 2) if of else None
        compare.expect(f"{label}: overfitting, interval", told["interval"], exact)
        answer = questions.get(row["question"], {"estimate": None, "interval": None})
        if "networks" in answer:
            compare.expect(f"{label}: compared", answer["networks"], [row["reference"], label])
        compare.expect(f"{label}: difference", row["difference"], answer["estimate"])
        compare.expect(f"{label}: difference, interval", row["interval"], answer["interval"])
        if row["difference"] is not None:
            low, high = answer["interval"] or (-math.inf, math.inf)
            compare.expect(
                f"{label}: effect", row["effect"], "lower" if high < 0 else "higher" if low > 0 else "undecided"
            )


def incomplete_gamma(a: float, x: float) -> float:
    """Return the regularised lower incomplete gamma function by its series."""
    term = total = 1 / a
    step = a
    while term > 1e-17 * total:
        step += 1
        term *= x / step
        total += term
    return total * math.exp(a * math.log(x) - x - math.lgamma(a)) if x > 0 else 0.0


def quantile_chi2(share: float, freedom: float) -> float:
    return 2 * bisect(lambda x: incomplete_gamma(freedom / 2, x) - share, 0, 50 + 5 * freedom)


def bound_deviation(variance: float, freedom: float) -> Pair:
    """Return the 95 % interval of a standard deviation, from the χ² distribution."""
    low, high = (variance * freedom / quantile_chi2(share, freedom) for share in (0.975, 0.025))
    return math.sqrt(low), math.sqrt(high)


def check_variance(
    compare: Comparison, verdict: Any, runs: dict[str, Run], at_origins: dict[int, dict[str, dict[int, Run]]]
) -> None:
    """Recompute how far levels move if one source of chance varies alone, over periods, and over seeds."""
    for told in verdict["variance"]:
        name, source = f"{told['of']}, {told['source']}", told["source"]
        labels = told["of"].split(" - ")[::-1]  # the reference comes second
        usual = [{origin: grouped[label] for origin, grouped in at_origins.items()} for label in labels]
        if source == "period":
            variance, freedom, count = spread_over_periods(verdict, runs, usual)
        else:
            first = [of_label[0] for of_label in usual]
            sides = first if source == "all seeds" else [list_varied(verdict, runs, source, side) for side in first]
            seeds = set.intersection(*(set(side) for side in sides if len(side) > 1))
            levels = [level_of([side[seed if len(side) > 1 else 0][0] for side in sides]) for seed in sorted(seeds)]
            variance, freedom, count = statistics.variance(levels), len(levels) - 1, len(levels)
        compare.expect(f"variance of {name}: runs", told["runs"], count)
        compare.expect(f"variance of {name}: deviation", told["deviation"], math.sqrt(variance))
        compare.expect(f"variance of {name}: interval", told["interval"], bound_deviation(variance, freedom))


def list_varied(verdict: Any, runs: dict[str, Run], source: str, usual: dict[int, Run]) -> dict[int, Run]:
    """Return, by seed, the usual run of seed 0 and the runs of the same network in which one source varies."""
    found = {0: usual[0]} if 0 in usual else {}
    keys = "variant", "cell", "rates"
    for metrics, daily in (runs[run_id] for run_id in verdict["varied_runs"] if run_id in runs):
        like = next(iter(usual.values()))[0]
        alike = (
            all(metrics[key] == like[key] for key in keys) and metrics["epochs"]["planned"] == like["epochs"]["planned"]
        )
        if alike and metrics["vary"] == source:
            found[metrics["seed"]] = (metrics, daily)
    return found


def level_of(sides: list[Any]) -> float:
    """Return the level of one run, or the difference of two."""
    if len(sides) == 1:
        return level(sides[0]["history"]["val_loss"])[0]
    curves, _ = cut(sides)
    return level(curves[1])[0] - level(curves[0])[0]


def spread_over_periods(
    verdict: Any, runs: dict[str, Run], sides: list[dict[int, dict[int, Run]]]
) -> tuple[float, float, int]:
    """Return (variance between periods, mean over seeds; degrees of freedom; number of periods)."""
    origins = [origin for origin in sides[0] if set.intersection(*(set(side[origin]) for side in sides))]
    seeds = sorted(set.intersection(*(set(side[origin]) for side in sides for origin in origins)))
    levels = [[level_of([side[origin][seed][0] for side in sides]) for origin in origins] for seed in seeds]
    overlap, freedom = lay_out(origins, period_rows(verdict, runs))
    return statistics.fmean(map(statistics.variance, levels)) / (1 - overlap), freedom, len(origins)


def check_claim(
    compare: Comparison,
    claim: Any,
    region: Region,
    asked: "Asked | None",
    interval: Pair | None,
    at_origins: dict[int, dict[str, dict[int, Run]]],
) -> None:
    """Recompute the verdict on a claim, the onset of overfitting, and which runs were still improving."""
    name, found, late, onsets = claim["id"], "undecided", list[int](), dict[str, int]()
    if asked:
        question, found = asked.question, place(interval, region, is_share(asked.id))
        for figure in ("estimate", "interval"):
            compare.expect(f"{name}: {figure}", claim[figure], question[figure])
        compare.expect(f"{name}: seeds", claim["seeds"], [int(seed) for seed in question["by_seed"]])
        compare.expect(f"{name}: p", claim["p"], choose_p(question, region))
    if asked and needs_turn(asked.id):
        (label,) = asked.question["networks"]
        late = list_late(asked, at_origins)
        shown = next(iter(asked.found.values()))
        curves = {seed: at_origins[0][label][seed][0]["history"]["val_loss"] for seed, x in shown.items() if x}
        found_at = {seed: onset(curve[: find_rare_epochs(asked.id)]) for seed, curve in curves.items()}
        onsets = {str(seed): epoch for seed, epoch in found_at.items() if epoch}
    compare.expect(f"{name}: onset", claim["onset"], onsets)
    compare.expect(f"{name}: still improving", claim["still_improving"], late)
    compare.expect(f"{name}: verdict", claim["verdict"], "undecided" if late and denies(found, region) else found)


def list_late(asked: "Asked", at_origins: dict[int, dict[str, dict[int, Run]]]) -> list[int]:
    """Return the seeds that do not overfit and have a run that was still improving: more epochs might show it."""
    (label,) = asked.question["networks"]
    grouped = [of_origin[label] for of_origin in at_origins.values()]
    return [
        seed
        for seed, x in asked.numbers.items()
        if not x and any(is_late(runs[seed][0]) for runs in grouped if seed in runs)
    ]


def denies(verdict: str, region: Region) -> bool:
    """Return whether a verdict on a share says that few seeds show it."""
    return verdict == ("holds" if region[1] is not None else "does-not-hold")


class Asked(NamedTuple):
    """A question of a page, and its numbers from the runs.

    Attributes:
        found: numbers by origin and seed; for a joint question, by dataset and seed.
        rows: length of the validation period, which determines how far origins overlap.
        by_day: daily numbers of the runs of each seed.
        bounds: those that are tested.
    """

    question: Any
    found: dict[int, dict[int, float]]
    rows: int
    by_day: dict[int, Daily]
    bounds: Curve

    @property
    def id(self) -> str:
        return str(self.question["id"])

    @property
    def means(self) -> dict[int, float]:
        return average(self.found)

    @property
    def numbers(self) -> dict[int, float]:
        return decide_seeds(self.id, self.means)

    @property
    def estimates(self) -> Curve:
        return [statistics.fmean(of_seed.values()) for of_seed in self.found.values()]

    @property
    def is_covered(self) -> bool:
        """Whether its interval covers the period, which only a mean's can."""
        in_period = len(self.found) > 1 or "level-difference" in self.id or find_sources(self.id) is not None
        return not is_share(self.id) and in_period


def ask_page(page: Any, runs: dict[str, Run], at_origins: dict[int, dict[str, dict[int, Run]]]) -> list[Asked]:
    asked, claims, margin = [], list_claims(runs, page), MARGIN_SHARE * naive_error(page, runs)
    for question in page["questions"]:
        found = measure_origins(question, at_origins)
        sides = [at_origins[0][label] for label in question["networks"]]
        seeds = set.intersection(*map(set, sides)) if sides else set[int]()
        by_day = {seed: differ_by_day(question["id"], [side[seed] for side in sides]) for seed in seeds}
        bounds = list_bounds(question["id"], claims, margin)
        asked.append(Asked(question, found, period_rows(page, runs), by_day, bounds))
    return asked


def join_pages(verdict: Any, runs: dict[str, Run], pages: list[list[Asked]]) -> list[Asked]:
    """Return the joint questions: a seed's number in each dataset, in units of its naive error."""
    joined, claims = [], list_claims(runs, verdict["datasets"][0])
    for question in verdict["questions"]:
        found = dict[int, dict[int, float]]()
        for place_, (page, asked) in enumerate(zip(verdict["datasets"], pages, strict=True)):
            is_error = not is_share(question["id"]) and not find_sources(question["id"])
            unit = naive_error(page, runs) if is_error else 1.0
            same = next((each for each in asked if each.question["id"] == question["id"]), None)
            if same and same.numbers:
                found[place_] = {seed: value / unit for seed, value in same.numbers.items()}
        shared = set.intersection(*map(set, found.values()))
        found = {place_: {seed: of_seed[seed] for seed in sorted(shared)} for place_, of_seed in found.items()}
        joined.append(Asked(question, found, 1, {}, list_bounds(question["id"], claims, MARGIN_SHARE)))
    return joined


def naive_error(page: Any, runs: dict[str, Run]) -> float:
    return float(runs[page["runs"][0]["run_id"]][0]["naive"]["val_mae"])


def check_answers(compare: Comparison, asked: list[Asked], plan: list[int]) -> list[Pair | None]:
    """Recompute the answers to all questions together; return the deciding intervals."""
    numbers = [each.numbers for each in asked]
    table = [[of_question.get(seed) for of_question in numbers] for seed in sorted(set().union(*numbers))]
    columns = [(q, bound) for q, each in enumerate(asked) for bound in each.bounds]
    looks = take_looks(table, columns, [q for q, each in enumerate(asked) if not is_share(each.id)], plan)
    compared, intervals = sum(each.is_covered for each in asked), list[Pair | None]()
    for index, each in enumerate(asked):
        question, name, estimates = each.question, each.id, each.estimates
        values, period, several = list(numbers[index].values()) or [math.nan], None, len(estimates) > 1
        if several and each.is_covered:
            period = bound_origins(each.found, each.rows, compared)
        elif each.is_covered:
            period = measure_period([each.by_day[seed] for seed in numbers[index]], compared)
        p = {bound: adjust_p(looks, column, plan) for column, (q, bound) in enumerate(columns) if q == index}
        reach = estimates if several and not each.is_covered else []
        half, shown = period[1] if period else 0.0, list(each.means.values())
        known, interval = bound_question(name, looks, index, p, values, shown, half, reach)
        intervals.append(interval)
        compare.expect(f"{name}: by seed", list(question["by_seed"].values()), list(numbers[index].values()))
        compare.expect(f"{name}: estimate", question["estimate"], statistics.fmean(values))
        exact = bound_at_tail(int(sum(values)), len(values), ALPHA / 2) if is_share(name) else None
        compare.expect(f"{name}: kind", question["kind"], "share" if is_share(name) else "mean")
        compare.expect(f"{name}: looked", question["looked"], looks[-1].seeds if looks else 0)
        compare.expect(f"{name}: exact interval", question["exact_interval"], exact)
        compare.expect(f"{name}: interval of the seeds", question["seeds_interval"], known)
        compare.expect(f"{name}: interval", question["interval"], interval)
        told = question["origins"] or question["period"] or {"error": None, "half": None}
        compare.expect(f"{name}: period", (told["error"], told["half"]), period or (None, None))
        compare.expect(f"{name}: origins", told.get("estimates", []), estimates if several else [])
        compare.expect(f"{name}: p", [(of["bound"], of["p"]) for of in question["p"]], sorted(p.items()))
    return intervals


def check_joined(
    compare: Comparison, claim: Any, region: Region, asked: Asked | None, interval: Pair | None, pages: list[Any]
) -> None:
    """Recompute the verdict on a joint claim, and the number of datasets in which it holds."""
    name, found = f"joined {claim['id']}", place(interval, region, asked is not None and is_share(asked.id))
    of_datasets = [each for page in pages for each in page["claims"] if each["id"] == claim["id"]]
    late = {seed for each in of_datasets for seed in each["still_improving"]}
    if asked and denies(found, region) and any(asked.numbers.get(seed) == 0 for seed in late):
        found = "undecided"  # such runs cannot show that they do not overfit
    compare.expect(f"{name}: verdict", claim["verdict"], found)
    judged = [each["verdict"] for each in of_datasets if each["seeds"]]
    holds = judged.count("holds")
    compare.expect(f"{name}: datasets", (claim["holds_in"], claim["datasets"]), (holds, len(judged)))
    least = bound_at_tail(holds, len(judged), ALPHA / 2)[0] if judged else 0.0
    compare.expect(f"{name}: least share", claim["least_share"], least)


def check(verdict: Any, runs: dict[str, Run]) -> Comparison:
    """Recompute a verdict over one or several datasets, and return the comparison."""
    compare, pages = Comparison(), verdict.get("datasets", [verdict])
    lacking = [run["run_id"] for page in pages for run in page["runs"] if run["run_id"] not in runs]
    if lacking:
        compare.different += [f"{run_id}: the verdict lists it, and it is missing or damaged" for run_id in lacking]
        return compare
    layouts = [{origin: group_by_network(page, runs, origin) for origin in page["origins"]} for page in pages]
    asked = [ask_page(page, runs, layout) for page, layout in zip(pages, layouts, strict=True)]
    joined = join_pages(verdict, runs, asked) if "datasets" in verdict else []
    intervals = check_answers(compare, [each for page in [*asked, joined] for each in page], verdict["plan"]["looks"])
    for page, layout, questions in zip(pages, layouts, asked, strict=True):
        compare.expect("margin", page["plan"]["margin"], MARGIN_SHARE * naive_error(page, runs))
        check_networks(compare, page, layout[0])
        check_variance(compare, page, runs, layout)
        of_page = {each.id: (each, intervals.pop(0)) for each in questions}
        margin = MARGIN_SHARE * naive_error(page, runs)
        for claim, about, region in match_claims(compare, page, list_claims(runs, page), margin):
            of_claim, interval = of_page.get(about, (None, None))
            check_claim(compare, claim, region, of_claim, interval, layout)
    if joined:
        of_joined = {each.id: (each, intervals.pop(0)) for each in joined}
        for claim, about, region in match_claims(compare, verdict, list_claims(runs, pages[0]), MARGIN_SHARE):
            of_claim, interval = of_joined.get(about, (None, None))
            check_joined(compare, claim, region, of_claim, interval, pages)
    return compare


def match_claims(
    compare: Comparison, page: Any, claims: dict[str, tuple[str, str]], margin: float
) -> list[tuple[Any, str, Region]]:
    """Return what a page says of each claim of the edition, with its question and its region."""
    told = {claim["id"]: claim for claim in page["claims"]}
    compare.different += [f"{name}: the verdict omits this claim" for name in claims if name not in told]
    compare.different += [
        f"{name}: no claim of the edition that the runs follow" for name in told if name not in claims
    ]
    found = [
        (told[name], about, bound_region(region, margin)) for name, (about, region) in claims.items() if name in told
    ]
    for claim, about, region in found:
        compare.expect(f"{claim['id']}: question", claim["question"], about)
        compare.expect(f"{claim['id']}: region", claim["region"], region)
    return found


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write("usage: check_verdict.py VERDICT.json RUNS (a folder, .zip or .tar.gz)\n")
        return 2
    try:
        verdict, runs = json.loads(Path(arguments[0]).read_text(encoding="utf-8")), read_runs(Path(arguments[1]))
    except (OSError, ValueError, tarfile.TarError, zipfile.BadZipFile) as error:
        sys.stderr.write(f"check_verdict.py: {' and '.join(arguments)} cannot be read: {error}\n")
        return 1
    compare = check(verdict, runs)
    for line in compare.different:
        sys.stdout.write(f"DIFFERS {line}\n")
    sys.stdout.write(f"{compare.agreed} numbers agree, {len(compare.different)} differ\n")
    return 1 if compare.different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
