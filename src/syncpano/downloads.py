"""What a run would fetch first. No torch."""

from __future__ import annotations

from syncpano import files
from syncpano.losses.trunk_files import TRUNK_OF, TRUNKS, cached_path
from syncpano.models.source import ModelSource
from syncpano.models.tiny_decoder import TAESD, tiny_decoder_folder
from syncpano.plan import Plan
from syncpano.resolving import gradient_decoder_of, loss_of


def missing(planned: Plan, source: ModelSource) -> list[str]:
    """The model, its tiny decoder and the loss's network, as far as they are not on this machine.

    Raises:
        SyncPanoError: the model has no decoder of the kind that is asked for.
    """
    config = planned.config
    found = [] if source.folder is not None else [source.id]
    decoder = gradient_decoder_of(config, source)
    if not planned.weights:  # no gradient, no decoder for it, no loss
        return found
    if decoder == "tiny" and tiny_decoder_folder(source, download=False) is None:
        found.append(TAESD)
    net = TRUNK_OF.get(loss_of(config, source))
    if net is not None and config.loss_weights is None and not files.is_file(cached_path(net)):
        found.append(f"{TRUNKS[net].name} of the loss ({TRUNKS[net].download})")
    return found
