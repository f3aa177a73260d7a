"""A prompt in the words that a small model has learnt. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_SHORTEST = 3  # letters of a word that may be a form of another
# Words of pocket's captions -> words that mean nearly the same, or an example of it.
NEAR = {
    "castle": "chateau citadel fort palace",
    "city": "beijing berlin chicago dubai london manhattan metropolis paris shanghai singapore "
    "sydney tokyo town york",
    "skyline": "cityscape",
    "forest": "grove rainforest thicket wood woodland",
    "pine": "fir spruce",
    "trees": "birch oak",
    "waterfall": "cataract iguazu niagara",
    "mountain": "mount",
    "mountains": "alps andes dolomites everest himalaya matterhorn ridge rockies summit",
    "snowy mountain": "glacier",
    "valley": "canyon gorge",
    "volcano": "etna fuji vesuvius",
    "lava": "magma",
    "beach": "bay cove seashore shore shoreline",
    "tropical beach": "bahamas caribbean hawaii island lagoon maldives",
    "palm": "coconut",
    "waves": "surf",
    "beachside street": "boardwalk esplanade promenade",
    "street": "avenue boulevard",
    "road": "highway",
    "coral reef": "aquarium atoll",
    "underwater": "diver diving snorkeling snorkelling",
    "fish": "dolphin shark turtle whale",
    "boats": "ferry ship vessel yacht",
    "quay": "dock jetty pier wharf",
    "desert": "gobi namib",
    "village": "hamlet",
    "cottages": "cabin chalet hut",
    "galaxy": "cosmos nebula",
    "stars": "constellation",
    "meteors": "asteroid comet perseids",
    "railway": "rail",
    "train": "locomotive",
    "concert": "gig",
    "band": "guitarist musician orchestra singer",
    "crowd": "audience",
    "street market": "bazaar souk",
    "alley": "lane",
    "shops": "boutique store",
    "bird's eye": "aerial drone",
    "animals": "antelope bison buffalo cattle cow deer elephant gazelle giraffe goat herd horse "
    "lion rhino sheep wildlife zebra",
    "savanna": "savannah serengeti",
    "savanna with animals": "safari",
    "grassland": "pasture prairie steppe",
    "meadow": "field",
    "skiers": "snowboarder",
    "skiing": "snowboarding",
    "vines": "creeper",
    "brick wall": "brickwork masonry",
    "cartoon": "comic",
    "anime": "ghibli manga",
    "dawn": "sunup",
    "daylight": "afternoon sunlight sunshine",
    "sunny": "sunlit",
    "sunset": "sundown",
    "dusk": "gloaming",
    "night": "nighttime",
    "clear": "cloudless",
    "clouds": "rain storm thunderstorm",
    "cloudy": "gloomy rainy stormy",
    "haze": "smog",
    "snowfall": "blizzard snowstorm",
    "snow": "frost ice",
    "snowy": "icy",
    "wintry": "frosty frozen",
    "winter": "christmas december february january",
    "spring": "april",
    "summer": "august july june",
    "autumn": "november october september",
    "colorful": "colourful",
    "colors": "colour",
}
_MEANT = {word: meant for meant, words in NEAR.items() for word in words.split()}
# Where one of these words is there too, a near word means something else.
BESIDE = {"town": ("boats fishing harbor harbour marina port quay sailboats sailing", "houses")}
# What captions never say, in their own words: they know houses that are covered in snow.
PHRASES = {f"covered {by} snow": "in snowfall" for by in ("in", "with", "by")}
# Words that captions have beside others only -> what they are read as where nothing else in the
# prompt says what to paint.
ALONE = {
    "band": "rock band on stage",
    "beacon": "lighthouse beacon",
    "bricks": "brick wall",
    "caravan": "desert caravan",
    "cars": "cars on a beachside street",
    "church": "village church",
    "cliff": "cliff by the sea",
    "coast": "rocky coast",
    "crater": "volcano crater",
    "galaxy": "milky way galaxy",
    "grass": "grassland",
    "jungle": "jungle forest",
    "market": "street market",
    "meadow": "meadow with flowers",
    "meteors": "meteors in the sky",
    "oasis": "desert oasis",
    "ocean": "sea waves",
    "sea": "sea waves",
    "stalls": "street market stalls",
    "track": "railway track",
    "train": "railway train",
    "waves": "sea waves",
}
# Words that say what to paint, beside those that are a subject's name by themselves.
_TELLING = (
    "blossoms boats borealis brick camels coral cottages crowd dunes falls fish flowers grazing "
    "hills houses ivy lake lava lighthouses lights milky mountain northern palm palms peak peaks "
    "pine port quay rails reef road roofs sailing sand sandy shooting shops ski skiing slope snow "
    "snowy stage starry stars street towers trees tropical underwater volcanic volcanoes wall "
    "waterfalls wild"
)


@dataclass(frozen=True)
class Reading:
    """A prompt as a model of few words reads it.

    Attributes:
        text: the prompt in known words, as far as there are any.
        taken: word of the prompt, in lower case -> the known words that stand for it.
        unknown: words of the prompt without any, in order, each once.
    """

    text: str
    taken: Mapping[str, str] = field(default_factory=dict)
    unknown: Sequence[str] = ()


def read(prompt: str, known: Set[str], names: Set[str] = frozenset()) -> Reading:
    """Put known words in the place of other forms of them, and of words that mean nearly the same.

    Args:
        known: words in lower case.
        names: what subjects are called, in lower case.
    """
    taken: dict[str, str] = {}
    unknown: dict[str, None] = {}
    for phrase, meant in PHRASES.items():
        if phrase in prompt.lower() and set(meant.split()) <= known:
            prompt = re.sub(phrase, meant, prompt, flags=re.IGNORECASE)
            taken[phrase] = meant
    words = [match[0].lower() for match in _WORD.finditer(prompt)]
    alone = _alone(words, names)

    def known_for(match: re.Match[str]) -> str:
        word = match[0].lower()
        if word == alone and word in known and word not in taken:
            taken[word] = ALONE[word]
            return ALONE[word]
        if word in known:
            return match[0]
        meant = _meant(word, known, words)
        if meant is None:
            unknown[word] = None
            return match[0]
        taken[word] = meant
        return meant

    return Reading(_WORD.sub(known_for, prompt), taken, list(unknown))


def _alone(words: Sequence[str], names: Set[str]) -> str | None:
    """The first word of `ALONE`, where nothing else says what to paint."""
    text = f" {' '.join(words)} "
    if not names or not set(_TELLING.split()).isdisjoint(words):
        return None
    if any(f" {name} " in text for name in names):
        return None
    return next((word for word in words if word in ALONE), None)


def _meant(word: str, known: Set[str], words: Sequence[str]) -> str | None:
    forms = [word] if word in _MEANT else list(_forms(word))  # Andes is no form of "and"
    near = [_MEANT[form] for form in forms if form in _MEANT]
    beside = (BESIDE[form] for form in forms if form in BESIDE)
    near = [meant for company, meant in beside if set(company.split()) & set(words)] + near
    usable = (meant for meant in near if set(meant.split()) <= known)
    return next((form for form in forms if form in known), next(usable, None))


def _forms(word: str) -> Iterator[str]:
    """The word, its singulars and its plurals, by the rules of English spelling alone."""
    word = word.removesuffix("'s")
    endings = (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""))
    singulars = [word.removesuffix(many) + one for many, one in endings if word.endswith(many)]
    plurals = [word + "s", word + "es", word.removesuffix("y") + "ies"]
    yield from (form for form in (word, *singulars, *plurals) if len(form) >= _SHORTEST)
