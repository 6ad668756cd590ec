"""The layout of `--help`: options and commands in groups, one line per command, and examples at the end.

Typer's rich panels are not used: their frames take a third of 80 columns, and their imports take 0.1 s.
"""

from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

OTHER_OPTIONS = "Options"
FEW_OPTIONS = 10  # up to this number, one list is easier to read than groups

EXAMPLES = {
    "download": """
rdrop download
rdrop download --from jena_climate_2009_2016.csv.zip
""",
    "study": """
rdrop study book2 --dry-run
rdrop study demo --dataset synthetic --seeds 0-2
""",
    "inspect": """
rdrop inspect jena
rdrop inspect load.csv --target load_MW --lookback 5d --horizon 24h
""",
    "train": """
rdrop train baseline dropout --seeds 0-4
rdrop train gal --cell lstm --dropout 0.2 --recurrent-dropout 0.5
rdrop train --dataset load.csv --target load_MW --lookback 5d --horizon 24h
rdrop train --resume dropout-s0
""",
    "sweep": """
rdrop sweep study.toml --dry-run
rdrop sweep study.toml --jobs 4
""",
    "runs": """
rdrop runs --sort val_mae --limit 5
rdrop runs --variant dropout --status completed --json
""",
    "show": """
rdrop show dropout-s0
rdrop show runs/dropout-s0-20260101-120000-1a2b --json
""",
    "plot": """
rdrop plot --published
rdrop plot baseline-s0 dropout-s0 --output curves.svg
rdrop plot --rates
rdrop plot dropout --forecast
""",
    "forecast": """
rdrop forecast
rdrop forecast dropout --uncertainty masks,seeds,residual
rdrop forecast dropout-s0 --dataset newer.csv
rdrop forecast dropout --period test --every 1d --output year.csv
""",
    "calibrate": """
rdrop calibrate dropout
rdrop calibrate dropout --uncertainty masks,residual,conformal --by month
""",
    "verdict": """
rdrop verdict
rdrop verdict --explain
rdrop verdict --require better-optimum
""",
    "report": """
rdrop report
rdrop report --output study.html
""",
    "export": """
rdrop export --csv --output epochs.csv
rdrop export --mlflow sqlite:///mlflow.db
""",
    "verify": """
rdrop verify
rdrop verify dropout-s0 --replay 1
""",
    "repair": """
rdrop repair dropout-s0-20260101-120000-1a2b
rdrop repair dropout-s0 --runs-dir results
""",
    "rm": """
rdrop rm dropout-s0-20260101-120000-1a2b
rdrop rm --status failed --dry-run
""",
    "variants": """
rdrop variants
rdrop variants --json
""",
    "anatomy": """
rdrop anatomy gal
rdrop anatomy dropout --cell lstm --output cells.svg
""",
    "bench": """
rdrop bench
rdrop bench --rounds 3 --json
rdrop bench --all --peers keras --peers jax
rdrop bench --study --epochs 2
""",
    "config": """
rdrop config
rdrop config --json
""",
}


class GroupedCommand(TyperCommand):
    """A command whose help lists its options in groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        parameters: list[Any] = list(self.get_params(ctx))
        _write_section(formatter, "Arguments", _list_records(ctx, parameters, "argument"))
        options = [each for each in parameters if each.param_type_name == "option"]
        groups: dict[str, list[Any]] = {}
        for option in options:
            group = OTHER_OPTIONS if len(options) <= FEW_OPTIONS else option.rich_help_panel or OTHER_OPTIONS
            groups.setdefault(group, []).append(option)
        groups[OTHER_OPTIONS] = groups.pop(OTHER_OPTIONS, [])  # last
        width = max((len(name) for name, _ in _list_records(ctx, options, "option")), default=0)
        for group, members in groups.items():
            records = _list_records(ctx, members, "option")
            _write_section(formatter, group, [(name.ljust(width), text) for name, text in records])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        examples = EXAMPLES.get(self.name or "", "").strip()
        if examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line}\n" for line in examples.splitlines()))


class GroupedCommands(TyperGroup):
    """The command line, whose help lists the commands in groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        self.format_commands(ctx, formatter)
        _write_section(formatter, OTHER_OPTIONS, _list_records(ctx, self.get_params(ctx), "option"))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, self.commands))
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            record = (name.ljust(width), command.get_short_help_str(formatter.width - width - 4))
            groups.setdefault(getattr(command, "rich_help_panel", None) or "Commands", []).append(record)
        for group, records in groups.items():
            _write_section(formatter, group, records)


def _list_records(ctx: Any, parameters: Iterable[Any], kind: str) -> list[tuple[str, str]]:
    records = [each.get_help_record(ctx) for each in parameters if each.param_type_name == kind]
    return [(name.partition(" <")[0], text) for name, text in filter(None, records)]  # omits the type of an argument


def _write_section(formatter: Any, title: str, records: list[tuple[str, str]]) -> None:
    if records:
        with formatter.section(title):
            formatter.write_dl(records)
