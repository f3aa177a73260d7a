"""All that decides one panorama, in one frozen object. No torch.

Every field is a setting once and for all: its flag, its `SYNCPANO_*` variable, its key in a YAML
file, its line in `--dry-run` and its place in the run log follow from the declaration below.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from syncpano.choices import AUTO, Compare, Gradient
from syncpano.windows import Blend

Method = Literal["sync", "multi", "bld", "independent"]
Windows = Literal["overlapping", "shifted"]
GradientDecoder = Literal["auto", "full", "tiny"]
LossName = Literal["auto", "lpips-vgg", "lpips-alex", "lpips-squeeze", "style", "pocket"]
SchedulerName = Literal["ddim", "dpmsolver++", "unipc"]
Device = Literal["auto", "cpu", "cuda", "mps"]
DType = Literal["auto", "float32", "bfloat16", "float16"]
Value = str | int | float | bool | None
T = TypeVar("T")

PANORAMA, SYNC, SAMPLING, MACHINE = "Panorama", "Synchronization", "Sampling", "Machine"


def setting(default: T, panel: str, *flags: str, found: bool = False) -> T:
    """A field with its group in the help; `flags` are names besides `--field-name`.

    `found`: what `auto` is depends on model and machine; a run finds it out, and its log says it.
    """
    made: T = field(default=default, metadata={"panel": panel, "flags": flags, "found": found})
    return made


@dataclass(frozen=True)
class PanoramaConfig:
    """Everything that decides the pixels and the run of ONE panorama; lengths in image pixels."""

    prompt: str = field(metadata={"panel": PANORAMA, "flags": (), "found": False})
    """What to paint."""
    negative_prompt: str = setting(AUTO, PANORAMA, found=True)
    """What guidance steers away from; auto is none, for pocket snow, night, fog not asked for."""
    model: str = setting("pocket", PANORAMA)
    """pocket (embedded), sd2 (the paper's), sd1.5, a Hub id, or a folder in diffusers' layout."""
    revision: str | None = setting(None, PANORAMA, found=True)
    """Branch, tag or commit of a Hub model; auto is its main branch."""
    method: Method = setting("sync", PANORAMA)
    """SyncDiffusion, MultiDiffusion, Blended Latent Diffusion, or windows on their own."""
    width: int = setting(3072, PANORAMA)
    """Width in pixels: at least a window, and a multiple of the VAE factor."""
    height: int = setting(512, PANORAMA)
    """Height in pixels: at least a window, and a multiple of the VAE factor."""
    stride: int | None = setting(None, PANORAMA, found=True)
    """Pixels from window to window; auto is a quarter of the window (the paper's 128)."""
    windows: Windows = setting("overlapping", PANORAMA)
    """Overlapping windows (the paper), or windows side by side that move from step to step."""
    blend: Blend = setting("tapered", PANORAMA)
    """Mean where windows overlap: all equal (the paper), or each fading towards its border."""
    loop: bool = setting(False, PANORAMA)
    """Close the panorama: the right edge continues at the left one, in pixels too."""
    seed: int = setting(0, PANORAMA)
    """Seed of the initial noise, which is drawn on the CPU whatever the device."""

    sync_weight: float = setting(20.0, SYNC, "--w")
    """Gradient descent weight w of Eq. 14; 0 is MultiDiffusion."""
    sync_decay: float = setting(0.95, SYNC)
    """w at step index k is w * decay^k."""
    sync_freq: int | None = setting(None, SYNC)
    """The paper's f: the NUMBER of gradient descents in the run; auto is one every step."""
    initial_steps: int | None = setting(None, SYNC)
    """Synchronise in the first N steps only; auto is in all."""
    initial_span: float | None = setting(None, SYNC)
    """Share of the schedule, at most N / steps, that those N cover; needs dpmsolver++."""
    sync_every: int = setting(1, SYNC)
    """Descend for every n-th window only and merge the moves on the canvas; 1 is exact."""
    compare: Compare = setting("foreseen", SYNC)
    """What is decoded and compared: foreseen observations (Eq. 14) or noisy views (Eq. 13)."""
    gradient: Gradient = setting("exact", SYNC)
    """The UNet's Jacobian in the gradient: whole, of the conditional branch alone, or none."""
    predict_once: bool = setting(False, SYNC)
    """Denoise moved windows with the predictions that moved them: faster, not the paper's."""
    gradient_decoder: GradientDecoder = setting(AUTO, SYNC, found=True)
    """Decoder in the gradient's path: the VAE's own or a tiny one; auto is tiny for pocket only."""
    loss: LossName = setting(AUTO, SYNC, found=True)
    """Perceptual loss L; auto is pocket's own, or lpips-vgg for others; style wants `--w 0.1`."""
    loss_weights: str | None = setting(None, SYNC)
    """Trunk of the loss, .safetensors or torchvision's .pth; auto is torch's usual cache."""
    loss_size: int | None = setting(None, SYNC)
    """Side in pixels at which the loss sees a window; auto is its native one."""

    steps: int = setting(50, SAMPLING)
    """Denoising steps."""
    guidance_scale: float | None = setting(None, SAMPLING, found=True)
    """Classifier-free guidance scale; 1 is none; auto is the model's own, 7.5 for most."""
    guided_share: float | None = setting(None, SAMPLING, found=True)
    """First share of the steps, 0..1, that guidance steers; auto is the model's own, 1 for most."""
    temperature: float | None = setting(None, SAMPLING, found=True)
    """Share of the noise that sampling keeps, 0.01..1: less is smoother; auto is the model's."""
    scheduler: SchedulerName = setting("ddim", SAMPLING)
    """Solver; ddim with eta 0 is the paper's; unipc goes without its corrector."""
    refine: bool = setting(True, SAMPLING)
    """Let the model's refiner draw the details after sampling; only pocket has one."""

    window_batch: int | None = setting(None, MACHINE)
    """Windows that go through the model at once; auto is as many as memory allows."""
    device: Device = setting(AUTO, MACHINE, found=True)
    """Where to compute; auto takes cuda, then mps, then cpu."""
    dtype: DType = setting(AUTO, MACHINE, found=True)
    """Precision inside the model; the canvas is always float32."""
    compile: bool = setting(False, MACHINE)
    """Compile the model with torch.compile: minutes at the start; with pocket no gain."""

    @property
    def wants_sync(self) -> bool:
        """Whether gradients are to be descended; `Plan.weights` says where any are.

        Without them it is MultiDiffusion, or a baseline.
        """
        return self.method == "sync" and self.sync_weight > 0


@dataclass(frozen=True)
class Setting:
    """What the command line, the environment and files must know about one field."""

    name: str
    kind: type  # bool, int, float or str
    choices: tuple[str, ...]  # empty: anything of the kind
    optional: bool  # None, written `auto`, is allowed
    default: Any  # dataclasses.MISSING where the user must say
    panel: str
    help: str
    flags: tuple[str, ...]
    found: bool  # what `auto` is depends on model and machine, and stands in the log of a run

    @property
    def decides_pixels(self) -> bool:
        """Whether it is more than a matter of the machine, which moves the last bits at most."""
        return self.panel != MACHINE or self.name == "dtype"

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that set it, one for each flag."""
        return tuple(
            f"SYNCPANO_{flag.removeprefix('--').replace('-', '_').upper()}" for flag in self.flags
        )


@cache
def settings() -> Mapping[str, Setting]:
    """All settings by name, in the order of their declaration."""
    hints, texts = get_type_hints(PanoramaConfig), _docstrings()
    return types.MappingProxyType(
        {
            item.name: _setting_of(item, hints[item.name], texts[item.name])
            for item in dataclasses.fields(PanoramaConfig)
        }
    )


def _setting_of(item: dataclasses.Field[Any], hint: Any, text: str) -> Setting:
    optional = get_origin(hint) in (Union, types.UnionType)
    if optional:
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    flag = "--" + item.name.replace("_", "-")
    return Setting(
        name=item.name,
        kind=str if choices else hint,
        choices=choices,
        optional=optional,
        default=MISSING if item.default is MISSING else item.default,
        panel=item.metadata["panel"],
        help=text,
        flags=(flag, *item.metadata["flags"]),
        found=item.metadata["found"],
    )


def _docstrings() -> dict[str, str]:
    """Field -> the string below its declaration, which Python itself does not keep."""
    (declared,) = (
        node
        for node in ast.parse(Path(__file__).read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "PanoramaConfig"
    )
    texts = {}
    for declaration, text in itertools.pairwise(declared.body):
        if isinstance(declaration, ast.AnnAssign) and isinstance(declaration.target, ast.Name):
            assert isinstance(text, ast.Expr)
            texts[declaration.target.id] = ast.literal_eval(text.value)
    return texts


def preset_folder() -> Path:
    """Where the named configs are: inside an installed package, or configs/ of the checkout."""
    packaged = Path(__file__).with_name("configs")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "configs"
