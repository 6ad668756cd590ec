"""`rdrop train`: train networks, or resume an interrupted run."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, Any

import typer

from rdrop_cli.cli.console import show_stage
from rdrop_cli.cli.defaults import name_flag
from rdrop_cli.cli.hints import check_variant_names
from rdrop_cli.cli.options import (
    DATA,
    DATASETS,
    DEFAULT_DATA_DIR,
    DEFAULT_RUNS_DIR,
    RUNS,
    AsJson,
    Calendar,
    DataDir,
    Every,
    Exclude,
    Horizon,
    Inputs,
    Jobs,
    Lookback,
    Name,
    Nice,
    Note,
    Origins,
    ProtocolName,
    Quiet,
    RunsDir,
    Scheduler,
    Sentinels,
    Tags,
    Target,
    TensorBoard,
    TrainStop,
    ValStop,
    Vary,
    Verbose,
    complete_run_ids,
    complete_variants,
)
from rdrop_cli.cli.reading_options import (
    DateFormat,
    Decimal,
    Encoding,
    Keep,
    Missing,
    Resample,
    Separator,
    Sort,
    Time,
    Timezone,
    Where,
    collect_reading,
)
from rdrop_cli.cli.training_options import (
    BatchSize,
    BestBy,
    Cell,
    Claims,
    ClipNorm,
    DropoutRate,
    EngineName,
    Epochs,
    Layout,
    LearningRate,
    Loss,
    MostSeeds,
    Optimizer,
    Patience,
    Quantiles,
    RecurrentDropoutRate,
    Sampling,
    Seed,
    Seeds,
    StepsPerEpoch,
    TargetScale,
    Units,
    UntilDecided,
)
from rdrop_cli.errors import UsageError
from rdrop_cli.planning.request import Request, parse_seeds
from rdrop_cli.study.editions import find_edition
from rdrop_cli.study.variants import REFERENCES, STUDY

RESUME_TAKES = (
    "resume",
    "dataset",
    "runs_dir",
    "data_dir",
    "as_json",
    "jobs",
    "nice",
    "scheduler",
    "tensorboard",
    "quiet",
    "verbose",
)


def train(
    ctx: typer.Context,
    variants: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="VARIANT",
            help="Networks to train, see `rdrop variants`; or your own function that builds one, "
            f"`my_network:make_network`. [default: {' '.join(STUDY)}; book2: all of edition 2]",
            autocompletion=complete_variants,
        ),
    ] = None,
    dataset: Annotated[str, typer.Option(metavar="NAME|CSV", help=DATASETS, rich_help_panel=DATA)] = "jena",
    target: Target = None,
    time: Time = None,
    date_format: DateFormat = "",
    timezone: Timezone = "",
    decimal: Decimal = "",
    separator: Separator = "",
    encoding: Encoding = "",
    missing: Missing = None,
    where: Where = None,
    sort: Sort = False,
    resample: Resample = "",
    keep: Keep = None,
    lookback: Lookback = None,
    every: Every = None,
    horizon: Horizon = None,
    train_stop: TrainStop = None,
    val_stop: ValStop = None,
    layout: Layout = None,
    target_scale: TargetScale = None,
    sentinels: Sentinels = None,
    inputs: Inputs = None,
    exclude: Exclude = None,
    calendar: Calendar = False,
    protocol: ProtocolName = "book",
    data_dir: DataDir = DEFAULT_DATA_DIR,
    cell: Cell = None,
    units: Units = None,
    dropout: DropoutRate = None,
    recurrent_dropout: RecurrentDropoutRate = None,
    engine: EngineName = "auto",
    epochs: Epochs = None,
    steps_per_epoch: StepsPerEpoch = None,
    batch_size: BatchSize = None,
    optimizer: Optimizer = None,
    learning_rate: LearningRate = None,
    loss: Loss = None,
    quantiles: Quantiles = None,
    clip_norm: ClipNorm = None,
    sampling: Sampling = None,
    best_by: BestBy = None,
    patience: Patience = None,
    seed: Seed = 0,
    seeds: Seeds = None,
    origins: Origins = 1,
    vary: Vary = "",
    until_decided: UntilDecided = False,
    claim: Claims = None,
    max_seeds: MostSeeds = 32,
    jobs: Jobs = None,
    nice: Nice = 0,
    scheduler: Scheduler = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Resume an interrupted run; --dataset names its file if that was moved.",
            autocompletion=complete_run_ids,
            rich_help_panel=RUNS,
        ),
    ] = None,
    name: Name = "",
    tags: Tags = None,
    note: Note = "",
    tensorboard: TensorBoard = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train networks; each run gets a folder with its results.

    Runs are trained in parallel if cores, memory and load allow. An interrupted run is resumed with --resume, or by
    running the same command again with --seeds.
    """
    _check_options(ctx, variants or ())
    with show_stage("importing NumPy"):
        from rdrop_cli.cli.training import print_results, resume_run
        from rdrop_cli.cli.training import train as train_plan
        from rdrop_cli.jobs.launch import Execution, plan_training

    execution = Execution(runs_dir, data_dir, jobs, tensorboard, scheduler)
    if resume is not None:
        given = ctx.get_parameter_source("dataset")
        results = resume_run(resume, execution, dataset if given is not None and given.name == "COMMANDLINE" else None)
    else:
        request = _make_request(ctx)
        if until_decided:
            from rdrop_cli.cli.training import train_until_decided

            results = train_until_decided(request, execution, _choose_claims(request, claim or []), max_seeds)
            print_results(results, runs_dir, as_json)
            return
        requests = [request] if seeds is None else [request.with_seed(seed) for seed in parse_seeds(seeds)]
        with show_stage(f"reading {dataset}"):
            plan = plan_training(requests, execution, skip_complete=seeds is not None)
        results = train_plan(plan, execution)
    print_results(results, runs_dir, as_json)


def _make_request(ctx: typer.Context) -> Request:
    """Make a request from the command's options: one per field of the same name, and the reading options.

    Epochs from a file of defaults are for networks; no flag could take them back from reference forecasts.
    """
    params, source = ctx.params, ctx.get_parameter_source("epochs")
    options: dict[str, Any] = {field.name: params[field.name] for field in fields(Request) if field.name in params}
    if source and source.name == "DEFAULT_MAP" and set(params["variants"] or ("",)) <= set(REFERENCES):
        options["epochs"] = None
    lists = {name: tuple(options[name] or ()) for name in ("variants", "inputs", "exclude", "tags")}
    return Request(**options | lists, reading=collect_reading(params))


def _check_options(ctx: typer.Context, variants: Sequence[str]) -> None:
    """Refuse command-line options that would have no effect together; a file of defaults may set them.

    Raises:
        UsageError: an option would have no effect, or a variant does not exist.
    """
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if "resume" in given:
        ignored = [*variants, *(name_flag(name, "") for name in given if name not in (*RESUME_TAKES, "variants"))]
        if ignored:
            raise UsageError(f"--resume resumes one run with its own settings; remove {' '.join(ignored)}")
    if "seed" in given and "seeds" in given:
        raise UsageError("--seed and --seeds exclude each other; remove one of them")
    if "until_decided" in given and {"seed", "seeds"} & set(given):
        raise UsageError("--until-decided chooses the seeds; remove --seed and --seeds")
    if "until_decided" in given and "vary" in given:
        raise UsageError("--until-decided judges seeds that determine everything; remove --vary")
    if "until_decided" not in given and {"claim", "max_seeds"} & set(given):
        raise UsageError("--claim and --max-seeds need --until-decided")
    check_variant_names(variants, "train")


def _choose_claims(request: Request, chosen: Sequence[str]) -> list[str]:
    """Return the claims to wait for: the chosen ones, or all that the variants of a request can decide.

    Raises:
        UsageError: a claim does not exist, or no claim can be decided by these variants.
    """
    from rdrop_cli.analysis.edition_claims import list_claims
    from rdrop_cli.analysis.verdict import check_claim_ids

    check_claim_ids(chosen, "claim")
    edition = find_edition(request.protocol)
    variants, claims = set(request.variants or edition.trained), list_claims(edition)
    found = [
        claim.id
        for claim in claims
        if variants.issuperset(claim.question.needs)
        and (claim.id in chosen if chosen else not claim.question.in_points)  # `rdrop calibrate` measures those
    ]
    if not found:
        raise UsageError("--until-decided: no claim is about these variants alone; see `rdrop verdict --explain`")
    return found
