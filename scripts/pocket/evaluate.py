"""Hold a pocket model against its bars: `python scripts/pocket/evaluate.py --weights VGG16_FILE`.

Writes each measure to `--out` as it is ready, with the model and the weights that made it; measures
that are not asked for keep their last result there. `--out docs/pocket-evaluation.json` is for the
model that ships.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from measures import MEASURES as OF_PICTURES
from own_words import own_words
from script import run_main
from workbench import Bench

from syncpano import files
from syncpano.choices import AUTO
from syncpano.models.folder import content_hash

MEASURES = {**OF_PICTURES, "own_words": own_words}


def main() -> None:
    """Measure what is asked for and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--weights", type=Path, required=True, help="VGG-16 trunk, `features.*`")
    parser.add_argument("--renders", type=Path, default=Path("runs/pocket/renders"))
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--w", nargs="+", type=float, default=(0.0, 20.0), help="of coherence")
    parser.add_argument(
        "--negative-prompt",
        default=AUTO,
        help="of recognition, attributes, coherence and diversity",
    )
    parser.add_argument("--measures", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--out", type=Path, default=Path("out/pocket-evaluation.json"))
    arguments = parser.parse_args()
    bench = Bench(
        arguments.model,
        arguments.weights,
        arguments.renders,
        arguments.steps,
        arguments.seeds,
        arguments.w,
        arguments.negative_prompt,
    )
    results: dict[str, Any] = {}
    if arguments.out.exists():
        results = json.loads(arguments.out.read_text())
    made_by = {
        "steps": arguments.steps,
        "seeds": arguments.seeds,
        "model": content_hash(bench.folder)[:12],
        "weights": bench.vgg.name,
    }
    for name in arguments.measures:
        results[name] = {**made_by, **MEASURES[name](bench)}
        content = json.dumps(results, indent=1) + "\n"
        files.write_atomic(arguments.out, content.encode(), overwrite=True)
        print(name, json.dumps(results[name]), flush=True)


if __name__ == "__main__":
    run_main(main)
