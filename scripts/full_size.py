"""Two synchronised steps with Stable Diffusion 2's exact architecture: what a CPU makes of it.

    python scripts/full_size.py [--loss-weights VGG16_FILE] [--toy]

Writes a checkpoint of random weights (5.2 GB in float32: UNet 866 M, VAE 84 M, text encoder 340 M),
generates 512 x 1024 px through the installed command in a process of its own, and writes time and
peak memory to out/full-size.md; benchmarks/full-size.md has remarks beside its numbers. Neither
depends on what the weights are.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

import repeat
import small_sd
from syncpano import files

GIB = 2**30
VOCABULARY = 49408


@dataclass(frozen=True)
class Shape:
    """Widths and depths of a model; `parameters` are what they must come to, part by part."""

    window: int
    unet: tuple[int, ...]
    unet_heads: tuple[int, ...]
    vae: tuple[int, ...]
    text_width: int
    text_layers: int
    text_heads: int
    parameters: dict[str, int] | None = None


SD2_BASE = Shape(
    window=64,
    unet=(320, 640, 1280, 1280),
    unet_heads=(5, 10, 20, 20),
    vae=(128, 256, 512, 512),
    text_width=1024,
    text_layers=23,
    text_heads=16,
    parameters={"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
)
TOY = Shape(
    window=8,
    unet=(32, 64, 64, 64),
    unet_heads=(2, 2, 4, 4),
    vae=(32, 32, 32, 32),
    text_width=64,
    text_layers=2,
    text_heads=4,
)


def write_checkpoint(folder: Path, shape: Shape, dtype: torch.dtype) -> dict[str, int]:
    """Write a diffusers folder, one part in memory at a time; parameters of every part."""
    torch.manual_seed(0)
    counts = {}
    for name, make in (("unet", _unet), ("vae", _vae), ("text_encoder", _text_encoder)):
        part: Any = make(shape)
        if dtype != torch.float32:
            part = part.to(dtype)
        counts[name] = sum(parameter.numel() for parameter in part.parameters())
        part.save_pretrained(folder / name, max_shard_size="10GB")
        del part
        gc.collect()
    if shape.parameters is not None and counts != shape.parameters:
        raise SystemExit(f"the architecture is off: {counts} are not {shape.parameters}")
    small_sd.tokenizer(VOCABULARY).save_pretrained(folder / "tokenizer")
    _scheduler().save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))
    return counts


def generate(folder: Path, trunk: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command; its run log, and the seconds of the whole process."""
    shape = TOY if arguments.toy else SD2_BASE
    window = 8 * shape.window
    command = [sys.executable, "-m", "syncpano", "generate", "A waterfall", "--quiet", "--json"]
    for flag, setting in {
        "model": folder,
        "width": 2 * window,
        "height": window,
        "steps": 2,
        "w": 20,
        "loss": "lpips-vgg",
        "loss-weights": trunk,
        "window-batch": 1,
        "device": "cpu",
        "dtype": arguments.dtype,
        "output-dir": folder.parent / "out",
    }.items():
        command += [f"--{flag}", str(setting)]
    command.append("--overwrite")
    started = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise SystemExit(f"the run failed with exit code {done.returncode}")
    return {"log": json.loads(done.stdout), "seconds": seconds}


def report(result: dict[str, Any], counts: dict[str, int], title: str, command: str) -> str:
    """The page for benchmarks/."""
    log, timings = result["log"], result["log"]["timings"]
    versions = log["environment"]["versions"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    parts = ", ".join(f"{name} {count / 1e6:.0f} M" for name, count in counts.items())
    rows = [f"| {name} | {seconds:.1f} |" for name, seconds in timings.items()]
    rows += [f"| whole process | {result['seconds']:.1f} |"]
    steps = [
        f"| {step['step']} | {step['timestep']:.0f} | {step['seconds']:.1f} |"
        for step in log["steps"]
    ]
    return "\n".join(
        [
            f"# Full size on a CPU: {title}",
            "",
            f"Random weights ({parts}), {log['image']['width']} x {log['image']['height']} px, "
            f"{log['windows']['count']} windows, {len(log['steps'])} steps, both synchronised at "
            f"w = 20 with LPIPS (VGG-16), one window at a time, {log['environment']['dtype']}.",
            "",
            f"`{command}`",
            "",
            f"{_processor()}, {os.cpu_count()} cores seen, {log['environment']['threads']} "
            f"thread(s) used, {memory / GIB:.0f} GiB; Python {versions['python']}, torch "
            f"{versions['torch']}, diffusers {versions['diffusers']}. One run, no warm-up.",
            "",
            f"Peak memory of the process: **{log['memory']['process_bytes'] / GIB:.1f} GiB**.",
            "",
            "| part | seconds |",
            "| --- | --- |",
            *rows,
            "",
            "| step | timestep | seconds |",
            "| --- | --- | --- |",
            *steps,
            "",
        ]
    )


def main() -> None:
    """Write the checkpoint, run, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--toy", action="store_true", help="rehearse at toy size")
    parser.add_argument("--folder", type=Path, default=Path("out/full-size"))
    parser.add_argument("--loss-weights", type=Path, help="VGG-16 trunk; default: random")
    parser.add_argument(
        "--dtype", default="float32", choices=("float32", "bfloat16"), help="of the run"
    )
    parser.add_argument(
        "--disk-dtype", default="float32", choices=("float32", "float16"), help="of the files"
    )
    parser.add_argument("--report", type=Path, default=Path("out/full-size.md"))
    parser.add_argument("--keep", action="store_true", help="leave the checkpoint on disk")
    arguments = parser.parse_args()
    shape = TOY if arguments.toy else SD2_BASE
    model, random_trunk = arguments.folder / "model", arguments.folder / "vgg16.safetensors"
    if model.exists():  # it is removed at the end
        parser.error(f"{model} exists: remove it, or name another --folder")
    if arguments.loss_weights and not arguments.loss_weights.is_file():
        parser.error(f"{arguments.loss_weights} is no file")
    try:
        counts = write_checkpoint(model, shape, getattr(torch, arguments.disk_dtype))
        trunk = arguments.loss_weights or small_sd.trunk(random_trunk, "vgg")
        result = generate(model, trunk, arguments)
    finally:
        if not arguments.keep:
            shutil.rmtree(model, ignore_errors=True)
            random_trunk.unlink(missing_ok=True)
    title = "a toy of the same shape" if arguments.toy else "Stable Diffusion 2 base"
    page = report(result, counts, title, repeat.command(__file__, parser, arguments))
    files.write_atomic(arguments.report, page.encode(), overwrite=True)
    print(page)


def _unet(shape: Shape) -> nn.Module:
    unet: nn.Module = UNet2DConditionModel(
        sample_size=shape.window,
        block_out_channels=shape.unet,
        attention_head_dim=shape.unet_heads,
        cross_attention_dim=shape.text_width,
        use_linear_projection=True,
    )
    return unet


def _vae(shape: Shape) -> nn.Module:
    vae: nn.Module = AutoencoderKL(
        block_out_channels=shape.vae,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        sample_size=8 * shape.window,
    )
    return vae


def _text_encoder(shape: Shape) -> nn.Module:
    encoder: nn.Module = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=VOCABULARY,
            hidden_size=shape.text_width,
            intermediate_size=4 * shape.text_width,
            num_hidden_layers=shape.text_layers,
            num_attention_heads=shape.text_heads,
            hidden_act="gelu",
            projection_dim=512,
        )
    )
    return encoder


def _scheduler() -> PNDMScheduler:
    return PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="epsilon",
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
