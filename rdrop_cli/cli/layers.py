"""`rdrop anatomy` for other layers than rdrop's: the user's own, those of a saved network, and other libraries'."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rdrop_cli.cli.anatomy_words import conclude, describe_evidence
from rdrop_cli.cli.console import note, print_lines
from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.files import to_json
from rdrop_cli.study.own import find_maker
from rdrop_cli.study.variants import VARIANTS

if TYPE_CHECKING:
    from rdrop_cli.anatomy.examine import Examination
    from rdrop_cli.anatomy.interpreter import Found

NETWORK_SUFFIXES = (".keras", ".h5")


def names_layer(name: str) -> bool:
    """Return whether a name refers to a saved network or to an object in a module, and not to a variant."""
    return name not in VARIANTS and (bool(find_maker(name)) or name.endswith(NETWORK_SUFFIXES))


def show_layers(
    names: Sequence[str], python: Path | None, chosen: Mapping[str, object], *, as_json: bool, output: Path | None
) -> None:
    """Examine layers in a separate process, and print the results.

    Args:
        names: of layers; if empty, the layers of the installed libraries are examined.
        python: the Python of another environment; None for this one.
        chosen: options that only variants take, by field.
        as_json: whether to print JSON.
        output: a picture to draw as well.

    Raises:
        UsageError: a name is not a layer, or an option is for variants only.
        DataError: none of the layers can be examined.
    """
    from rdrop_cli.anatomy.interpreter import examine_elsewhere

    for field, value in chosen.items():
        if value is not None:
            raise UsageError("only variants take it; a layer is checked at rates of its own", field=field)
    versions, found = examine_elsewhere([_find_subject(name) for name in names], python)
    if not found:
        raise DataError(f"{python or ', '.join(names)}: there is no recurrent layer of Keras or PyTorch")
    examined = [(label_layer(entry), each) for entry, each in found]
    errors = [f"{label}: {each}" for label, each in examined if isinstance(each, str)]
    if len(errors) == len(examined):
        raise DataError(errors[0])
    shared = list(_list_shared(found))
    if as_json:
        layers = [_render(label, each) for label, each in examined]
        typer.echo(to_json({"versions": versions, "layers": layers, "shared": shared}))
    else:
        print_lines([describe_versions(versions)])
        for label, each in examined:
            print_lines(["", *_describe(label, each)])
        print_lines(["", *shared] if shared else ())
    if output:
        _draw(_pick_recurrent(found), output)


def _list_shared(found: Sequence[tuple[Mapping[str, Any], "Found"]]) -> Iterator[str]:
    """Yield lines on the layers of each network that share masks."""
    from rdrop_cli.anatomy.differences import list_shared

    for wanted, of_network in groupby(found, key=lambda each: each[0]["wanted"]):
        of_one = [each for each in of_network if wanted["kind"] != "library" and each[0].get("name") != wanted["name"]]
        yield from list_shared(_pick_recurrent(of_one))


def _pick_recurrent(found: Sequence[tuple[Mapping[str, Any], "Found"]]) -> list["Examination"]:
    """Return the examinations of recurrent layers, without errors and other layers."""
    from rdrop_cli.anatomy.examine import Examination

    return [each for _, each in found if isinstance(each, Examination)]


def _draw(layers: "Sequence[Examination]", path: Path) -> None:
    from rdrop_cli.anatomy.plot import Panel, draw_anatomies

    panels = []
    for each in layers:
        found, rates = each.anatomy, ", ".join(f"{name} {rate:g}" for name, rate in each.asked.items() if rate)
        line = f"{rates}: {found.method or 'no method'}" if rates else found.method or "no method"
        panels.append(Panel(found.variant, line, found.cell, found.layers, found.masks))
    draw_anatomies(panels, path)
    note(f"picture: {path}")


def describe_versions(versions: Mapping[str, str]) -> str:
    """Render the versions of an environment as a line."""
    libraries = [f"{name} {version}" for name, version in versions.items() if name not in ("python", "backend")]
    backend = f", on {versions['backend']}" if "backend" in versions else ""
    return f"Python {versions['python']}: {', '.join(libraries) or 'neither Keras nor PyTorch'}{backend}"


def label_layer(entry: Mapping[str, Any]) -> str:
    """Return a layer's name and the rates with which it was created: `GRU dropout=0.25`."""
    wanted = entry["wanted"]
    name = entry.get("name") or (wanted["cell"].upper() if wanted["kind"] == "library" else wanted["name"])
    return " ".join([name, *(f"{rate}={value:g}" for rate, value in entry["asked"].items() if value)])


def _find_subject(name: str) -> dict[str, str]:
    """Return the probe's description of a saved network or an object.

    Raises:
        UsageError: the name is not a layer, or the file does not exist.
    """
    if name.endswith(NETWORK_SUFFIXES):
        if not Path(name).is_file():
            raise UsageError(f"{name}: there is no such file")
        return {"kind": "model", "name": str(Path(name).resolve())}
    maker = None if name in VARIANTS else find_maker(name)
    if not maker:
        raise UsageError(
            f"{name!r} is no layer; name variants, or layers such as `model.keras` or `my_module:MyGRU`, not both"
        )
    return {"kind": "object", "name": maker}


def _render(label: str, found: "Found") -> dict[str, Any]:
    from rdrop_cli.anatomy.differences import render_examination
    from rdrop_cli.anatomy.examine import Examination

    if isinstance(found, str):
        return {"layer": label, "error": found}
    return {"layer": label, **(render_examination(found) if isinstance(found, Examination) else found.to_json())}


def _describe(label: str, found: "Found") -> Iterator[str]:
    """Yield the lines about one layer."""
    from rdrop_cli.anatomy.differences import describe_fused, list_differences
    from rdrop_cli.anatomy.examine import Examination

    if isinstance(found, str):
        yield f"{label}: cannot be examined: {found}"
        return
    if not isinstance(found, Examination):
        yield f"{label}: {found.conclude()}"
        yield from found.describe_evidence()
        return
    yield f"{label}, {found.anatomy.cell}: {conclude(found.anatomy, found.unread)}"
    yield from describe_evidence(found.anatomy)
    if found.clean_at_inference:
        yield f"  inference: nothing is dropped (error {found.inference_error:.1e})"
    if found.fused["asked"] is not None:
        yield f"  cuDNN's kernel on a GPU: {describe_fused(found.fused)} (told without a GPU)"
    yield f"  trainable parameters: {found.trainable} ({found.units} units that read {found.units} features)"
    for difference in list_differences(found):
        yield f"  differs: {difference}"
