"""`takeover policy`: makes policies of vision-language models, and codebooks of recorded driving."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from pydantic import ValidationError
from rich.table import Table

from app.cli.pairs import SMALL_POLICY
from app.console import out, progress_bar
from policy.making.k_disk import SIZE, TOLERANCE_M, k_disk, misfit, town_codebook
from policy.vla.checkpoint import CameraSettings, CheckpointError, PolicySettings
from policy.vla.codebook import Codebook
from policy.vla.dialects.needs import DialectName
from recorder.schema import POLICY_CAMERA, POLICY_CAMERA_PREFIX

app = typer.Typer(help="Make a policy of a Qwen2.5-VL or Qwen3-VL, or a codebook of driving.", no_args_is_help=True)

CAMERAS_HELP = (
    f"Names and degrees to the right, e.g. {POLICY_CAMERA},{POLICY_CAMERA_PREFIX}left:-60; one per picture; "
    "else the dialect's."
)
DIALECT_HELP = "How it is asked and how it answers: ours, AutoVLA's or CoReVLA's; docs/policies.md."
SPEEDS_MPS = ((0.0, np.inf), (0.0, 0.5), (0.5, 5.0), (5.0, 10.0), (10.0, np.inf))
"""Lines of the table of errors."""
PARTS = ("observation", "vision", "prefill", "decode", "total")
"""Columns of the table of times."""
STEP_S = 0.5
"""Time of a code."""


@app.command()
def init(
    model: Annotated[str, typer.Argument(help="Folder, or name on the Hugging Face hub (owner/name).")],
    target: Annotated[Path, typer.Option("--out", help="Folder of the policy; must not exist.")],
    codes: Annotated[int | None, typer.Option(min=2, help=f"Action tokens at most [{SIZE}].")] = None,
    codebook: Annotated[Path | None, typer.Option(help="Codes from this file, of `takeover policy codebook`.")] = None,
    cameras: Annotated[str | None, typer.Option(help=CAMERAS_HELP)] = None,
    dialect: Annotated[DialectName, typer.Option(help=DIALECT_HELP)] = DialectName.TAKEOVER,
    image_tokens: Annotated[int, typer.Option(min=4, help="Tokens of a picture at most: its size.")] = 128,
) -> None:
    """Make a policy of a model: a folder that every command takes.

    Adds the action tokens to tokenizer and weights, a codebook, and the size of the pictures. The policy stands still
    until it is trained. Exit code 1 when the model cannot be used or the folder cannot be written.
    """
    if codes is not None and codebook is not None:
        raise typer.BadParameter("a codebook has its own number of codes: give one of --codes and --codebook")
    given = Codebook.load(codebook.parent, codebook.name) if codebook is not None else None
    from transformers.utils import logging as transformers_logging

    from policy.making.initialise import STAGES, init_policy

    transformers_logging.disable_progress_bar()
    with progress_bar() as progress:
        task = progress.add_task("policy", total=len(STAGES), note="codes")

        def on_stage(stage: str) -> None:
            progress.update(task, completed=STAGES.index(stage), note=stage)

        book = given or town_codebook(codes or SIZE)
        shown = named_cameras(cameras) if cameras is not None else None
        made = init_policy(model, target, book, shown, image_tokens, on_stage, dialect)
        progress.update(task, completed=len(STAGES), note="")
    sizes = ", ".join(f"{name} {one.width}x{one.height}" for name, one in made.settings.cameras.items())
    out.print(f"policy: {made.folder}, dialect {made.settings.dialect}")
    out.print(
        f"{made.family}, {made.codes} action tokens, {made.rows} rows; pictures {sizes}: {made.image_tokens} tokens"
    )
    out.print("it stands still until it is trained")


@app.command("codebook")
def codebook_command(
    sessions: Annotated[list[Path] | None, typer.Argument(help="Sessions' folders, or folders that hold some.")] = None,
    from_autovla: Annotated[Path | None, typer.Option(help="Convert AutoVLA's pickle instead of clustering.")] = None,
    codes: Annotated[int, typer.Option(min=2, help="Codes at most.")] = SIZE,
    tolerance: Annotated[float, typer.Option(min=0.001, help="Radius of a code, metres.")] = TOLERANCE_M,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the clustering.")] = 0,
    target: Annotated[Path, typer.Option("--out", help="File to write; must not exist.")] = Path("codebook.npy"),
) -> None:
    """Cluster what was driven into codes (K-disk), print how far they are from it, write codebook.npy.

    With --from-autovla the codes are AutoVLA's, and sessions are only what they are measured on.
    """
    from app.cli.segments import sessions_in
    from policy.making.autovla import read_autovla
    from refine.data.motions import read_motions

    if not sessions and from_autovla is None:
        raise typer.BadParameter("give sessions to cluster, or --from-autovla FILE")
    if target.exists():
        raise CheckpointError(f"{target} exists: a policy's codes must not change under it; give another file")
    book = read_autovla(from_autovla) if from_autovla is not None else None
    motions = None
    if sessions:
        folders = [session for folder in sessions for session in sessions_in(folder)]
        with progress_bar() as progress:
            task = progress.add_task("segments", total=None, note="")
            motions = read_motions(
                folders, STEP_S, lambda done, total: progress.update(task, completed=done, total=total)
            )
        book = book or k_disk(motions, codes, tolerance, seed)
    assert book is not None  # noqa: S101  sessions or a file were given
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as stream:
        np.save(stream, book.codes)
    if motions is not None:
        out.print(_error_table(book, motions))
    out.print(f"codebook: {target} ({len(book)} codes)")


def named_cameras(text: str) -> dict[str, CameraSettings]:
    """Cameras from `front,policy_left:-60`: names, and degrees that they look to the right. Raises BadParameter."""
    found: dict[str, CameraSettings] = {}
    for part in text.split(","):
        name, _, degrees = part.partition(":")
        try:
            found[name] = CameraSettings(yaw_deg=float(degrees or 0.0))
        except ValueError:
            raise typer.BadParameter(f"--cameras: '{degrees}' is no angle in degrees") from None
    try:
        return PolicySettings(cameras=found).cameras
    except ValidationError as error:
        raise typer.BadParameter(f"--cameras: {error.errors()[0]['msg']}") from None


def _error_table(book: Codebook, motions: np.ndarray) -> Table:
    """Distance over the car's contour between motions and codes, by speed."""
    table = Table(title="distance over the car's contour, metres", title_justify="left", box=None, pad_edge=False)
    for heading in ("speed", "motions", "nearest code: mean", "p99", "max", "code taken: mean", "p99", "max"):
        table.add_column(heading, justify="left" if heading == "speed" else "right")
    speed_mps = np.hypot(motions[:, 0], motions[:, 1]) / STEP_S
    for low, high in SPEEDS_MPS:
        rows = motions[(speed_mps >= low) & (speed_mps < high)]
        if len(rows):
            found = misfit(book, rows)
            name = "all" if (low, high) == SPEEDS_MPS[0] else f"{low:g} to {high:g} m/s"
            spreads = (found.nearest, found.taken)
            numbers = [f"{value:.3f}" for spread in spreads for value in (spread.mean_m, spread.p99_m, spread.max_m)]
            table.add_row(name, str(found.motions), *numbers)
    return table


@app.command()
def serve(
    policy: Annotated[Path, typer.Argument(help="The policy's folder.")] = SMALL_POLICY,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 50051,
    host: Annotated[str, typer.Option(help="Address to listen at; others than this machine's own need 0.0.0.0.")] = (
        "127.0.0.1"
    ),
    adapter: Annotated[Path | None, typer.Option(help="A LoRA adapter on top of it.")] = None,
    samples: Annotated[int, typer.Option(min=0, max=64, help="Further plans told as candidates.")] = 0,
    alpasim: Annotated[bool, typer.Option("--alpasim", help="The loop is AlpaSim's own, not one of CARLA.")] = False,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
) -> None:
    """Serve a policy by AlpaSim's egodriver contract (gRPC) until interrupted.

    Exit code 1 when the folder is no policy, the port is in use, or takeover[egodriver] is not installed.
    """
    from policy.egodriver.serving import serving_policy

    with serving_policy(policy, adapter, host, port, samples, threads, alpasim) as served:
        out.print(f"serving {served.name} at {served.address}")
        served.wait()


@app.command(name="bench")
def bench_command(
    policy: Annotated[Path, typer.Argument(help="The policy's folder.")] = SMALL_POLICY,
    batches: Annotated[str, typer.Option(help="Questions answered together.")] = "1,4,8,16",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    repeats: Annotated[int, typer.Option(min=1, help="Plans of each size; medians are shown.")] = 30,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the table there, too.")] = None,
) -> None:
    """Time plans part by part, beside the least that reading the weights and the arithmetic take here."""
    sizes = _sizes(batches)
    import torch

    from policy.serving.bench import COLUMNS, bench
    from policy.vla.model import Vla

    torch.set_num_threads(threads)
    vla = Vla.load(policy)
    with progress_bar() as progress:
        task = progress.add_task("bench", total=len(sizes), note="")
        rows = bench(vla, sizes, repeats, lambda _: progress.advance(task))
    table = Table("batch", *(f"{name} ms" for name in PARTS), "floor ms", "plans/s")
    for row in rows:
        parts = [f"{getattr(row, f'{name}_ms'):.1f}" for name in PARTS]
        table.add_row(str(row.batch), *parts, f"{row.floor_ms:.1f}", f"{row.plans_per_s:.0f}")
    out.print(table)
    if vla.why_not_together:
        out.print(f"answered one after the other: {vla.why_not_together}")
    if csv_file is not None:
        with csv_file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)


def _sizes(batches: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(one) for one in batches.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise typer.BadParameter(f"batches are whole numbers from 1 on, e.g. 1,4,16; not '{batches}'")
    return sizes
