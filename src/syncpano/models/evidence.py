"""How much every remembered render shows of what a prompt means.

# R renders
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

_DOUBT = 8.0  # nats: no reader is surer than this
# Palettes hardly tell them, and a prompt that says so means them; of hours colours are sampled too.
_INSISTED = {"season": 1.0, "weather": 1.0, "time": 0.5}
_NOON = 1  # number of the hour that has a palette of its own: any day's
_NAMES = 2.3  # nats: ten times the odds that a class has among all renders
# Nats more that another class costs than the likeliest one, where that is sure: of a subject, more
# than all that a prompt may insist on, and of a style, which is a photo's where none is named,
# nearly as much as one such thing.
_OTHER = {"subject": 4000.0, "style": 300.0}
# Nats more where the likeliest style is not a photo's: it is named, and matters more than what is
# to be avoided, for which a photo would be laid otherwise.
_PHOTO, _NAMED_STYLE = 0, 500.0
_SURE = math.log(0.5)  # more probable than all others together
# Renders have any weather in any season; who names one of the others means no snow.
_WINTER, _SNOW = 3, 3  # their numbers among the classes of season and weather
_SNOWY = {("season", _WINTER), ("weather", _SNOW)}  # it lies in one and falls in the other
# What is sampled has less contrast than a render, as fog and overcast skies have: by palettes alone
# panoramas that name no weather would have either far more often than scenes have.
_CLOUDY, _FOG, _PALE = 1, 2, 60.0  # their numbers, and nats


def evidence(
    chances: Mapping[str, Tensor],
    classes: Mapping[str, Tensor],
    trust: Mapping[str, float],
    named: float,
    avoided: Mapping[str, Collection[int]],
) -> Tensor:
    """R: weighted log probability of every render under a prompt, up to a constant, in nats.

    Args:
        chances: attribute -> log p(class | prompt).
        classes: attribute -> R, the renders' own.
        trust: attribute -> weight of its log probability.
        named: that weight, at least, for a season or a weather that the prompt names, and half of
            it for an hour.
        avoided: attribute -> numbers of classes that are laid only for want of others.
    """
    meant = torch.zeros_like(classes["subject"], dtype=torch.float32)
    insisted: dict[str, int] = {}
    for name, chance in chances.items():
        mine, weight = classes[name], trust[name]
        usual = mine.bincount(minlength=len(chance)) / len(mine)
        rise = (chance.exp().logit() - usual.logit())[usual > 0]  # what none shows is not meant
        likeliest = int(chance.argmax())
        if name in _INSISTED and rise.max() > _NAMES and (name, likeliest) != ("time", _NOON):
            insisted[name], weight = likeliest, max(weight, named * _INSISTED[name])
            if chance.max() > _SURE:  # then what is avoided, unasked, must not outweigh it
                others = torch.arange(len(chance), device=chance.device) != likeliest
                chance = chance.masked_fill(others, -_DOUBT)
        meant += weight * chance.clamp(min=-_DOUBT)[mine]
        if chance.max() > _SURE:
            other = _OTHER.get(name, 0.0)
            if name == "style" and likeliest != _PHOTO:
                other += _NAMED_STYLE
            meant -= other * (mine != likeliest)
    if insisted.get("season", _WINTER) != _WINTER and "weather" not in insisted:
        meant -= named * _DOUBT * (classes["weather"] == _SNOW)
    if "weather" not in insisted:
        meant -= _PALE * ((classes["weather"] == _CLOUDY) | (classes["weather"] == _FOG))
    unwanted = {(name, number) for name, numbers in avoided.items() for number in numbers}
    shown = [classes[name] == number for name, number in unwanted - _SNOWY]
    if not unwanted.isdisjoint(_SNOWY):  # once: in a winter as in a snowfall
        shown.append(torch.stack([classes[name] == number for name, number in _SNOWY]).any(0))
    for avoided_there in shown:
        # Less than another subject or style costs: that would be worse than what is avoided.
        meant -= named * _DOUBT / 2 * avoided_there
    return meant
