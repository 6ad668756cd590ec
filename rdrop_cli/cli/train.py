"""`rdrop train`: train variants, or resume an interrupted run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.defaults import name_flag
from rdrop_cli.cli.options import (
    DATASETS,
    DEFAULT_DATA_DIR,
    DEFAULT_RUNS_DIR,
    AsJson,
    Calendar,
    ClipNorm,
    DataDir,
    Every,
    Exclude,
    Horizon,
    Inputs,
    Jobs,
    LearningRate,
    Lookback,
    Loss,
    Name,
    Note,
    Optimizer,
    Patience,
    ProtocolName,
    RunsDir,
    Scheduler,
    Sentinels,
    Tags,
    Target,
    TensorBoard,
    Time,
    TrainStop,
    ValStop,
    complete_run_ids,
    complete_variants,
)
from rdrop_cli.errors import UsageError
from rdrop_cli.files import to_json
from rdrop_cli.planning.request import Request, parse_seeds
from rdrop_cli.study.variants import DEFAULT_CELL, STUDY

if TYPE_CHECKING:
    from rdrop_cli.cli.training import Results


RESUME_TAKES = (
    "resume",
    "dataset",
    "runs_dir",
    "data_dir",
    "as_json",
    "jobs",
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
            metavar="[VARIANT]...",
            help=f"`rdrop variants` lists them; {' and '.join(STUDY)} when none is named.",
            autocompletion=complete_variants,
        ),
    ] = None,
    dataset: Annotated[str, typer.Option(help=DATASETS)] = "jena",
    protocol: ProtocolName = "book",
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of every variant. [book: 20, with dropout 40]", show_default=False)
    ] = None,
    steps_per_epoch: Annotated[int | None, typer.Option(help="Training steps an epoch. [book: 500]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Windows a step. [book: 128]")] = None,
    units: Annotated[int | None, typer.Option(help="Units of the recurrent layer. [book: 32]")] = None,
    cell: Annotated[str, typer.Option(help="gru or lstm.")] = DEFAULT_CELL,
    dropout: Annotated[
        float | None, typer.Option(help="Rate on the layer's input or output, in [0, 1). [the variant's]")
    ] = None,
    recurrent_dropout: Annotated[
        float | None, typer.Option(help="Rate of the recurrent masks, in [0, 1). [the variant's]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Initial weights, windows and masks are functions of it.")] = 0,
    seeds: Annotated[
        str | None,
        typer.Option(help="Train every variant with each, as 0-4 or 1,3,5; what is complete is not trained again."),
    ] = None,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    tensorboard: TensorBoard = False,
    target: Target = None,
    time: Time = None,
    lookback: Lookback = None,
    every: Every = None,
    horizon: Horizon = None,
    train_stop: TrainStop = None,
    val_stop: ValStop = None,
    sentinels: Sentinels = None,
    inputs: Inputs = None,
    exclude: Exclude = None,
    calendar: Calendar = False,
    optimizer: Optimizer = None,
    learning_rate: LearningRate = None,
    loss: Loss = None,
    clip_norm: ClipNorm = None,
    patience: Patience = None,
    name: Name = "",
    tags: Tags = None,
    note: Note = "",
    engine: Annotated[
        str,
        typer.Option(help="native: compiled kernel; xla; keras: Keras's default; auto: native where it can, else xla."),
    ] = "auto",
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Resume this run; --dataset tells where its file is now.",
            autocompletion=complete_run_ids,
        ),
    ] = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Train variants, side by side where the machine carries it; each leaves a folder with its curves and numbers."""
    from rdrop_cli.cli.training import resume_run
    from rdrop_cli.cli.training import train as train_plan
    from rdrop_cli.jobs.launch import Execution, plan_training

    _check_options(ctx, variants or ())
    execution = Execution(runs_dir, data_dir, jobs, tensorboard, scheduler)
    if resume is not None:
        given = ctx.get_parameter_source("dataset")
        results = resume_run(resume, execution, dataset if given is not None and given.name == "COMMANDLINE" else None)
    else:
        request = Request(
            variants=tuple(variants or ()),
            dataset=dataset,
            protocol=protocol,
            seed=seed,
            engine=engine,
            cell=cell,
            epochs=epochs,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            target=target,
            time=time,
            lookback=lookback,
            every=every,
            horizon=horizon,
            train_stop=train_stop,
            val_stop=val_stop,
            batch_size=batch_size,
            steps_per_epoch=steps_per_epoch,
            units=units,
            sentinels=sentinels,
            inputs=tuple(inputs or ()),
            exclude=tuple(exclude or ()),
            calendar=calendar,
            optimizer=optimizer,
            learning_rate=learning_rate,
            loss=loss,
            clip_norm=clip_norm,
            patience=patience,
            name=name,
            tags=tuple(tags or ()),
            note=note,
        )
        requests = [request] if seeds is None else [request.with_seed(seed) for seed in parse_seeds(seeds)]
        results = train_plan(plan_training(requests, execution, skip_complete=seeds is not None), execution)
    print_results(results, as_json)


def _check_options(ctx: typer.Context, variants: Sequence[str]) -> None:
    """Refuse options on the command line of which one would have no effect; a file of defaults may set them."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if "resume" in given:
        ignored = [*variants, *(name_flag(name, "") for name in given if name not in (*RESUME_TAKES, "variants"))]
        if ignored:
            raise UsageError(f"--resume resumes one run with its own settings; remove {' '.join(ignored)}")
    if "seed" in given and "seeds" in given:
        raise UsageError("--seed and --seeds exclude each other; remove one of them")


def print_results(results: "Results", as_json: bool) -> None:
    """Print what was trained to stdout and what failed to stderr; end with the first failure's exit code."""
    from rdrop_cli.cli.runs import print_table
    from rdrop_cli.runs.schema import to_builtins

    for outcome in results.failures:
        typer.echo(f"rdrop: {outcome.failure}", err=True)
    if as_json:
        typer.echo(to_json([to_builtins(metrics) for metrics in results.metrics]))
    elif results.metrics:
        print_table(results.metrics)
    if results.failures:
        raise typer.Exit(results.failures[0].exit_code)
