"""Prompts in other words than those that the pocket model has learnt."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from syncpano.advice import about_subject, about_words
from syncpano.experiments.reading import paper_prompts
from syncpano.metrics.pocket_features import PocketFeatures
from syncpano.models import clock, near_words, wording
from syncpano.models.card import read_card
from syncpano.models.folder import JUDGE
from syncpano.models.load import load_model
from syncpano.models.source import POCKET_FOLDER, resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.models.vocabulary import Vocabulary
from tests.conftest import Outcome

KNOWN = {
    "a",
    "and",
    "at",
    "of",
    "the",
    "castle",
    "city",
    "beach",
    "dunes",
    "bird's",
    "eye",
    "autumn",
    "waterfall",
}


@pytest.mark.parametrize(
    ("prompt", "text", "taken"),
    [
        ("A castle", "A castle", {}),
        ("CASTLES at night", "castle at night", {"castles": "castle"}),
        ("beaches, beaches", "beach, beach", {"beaches": "beach"}),
        ("A dune", "A dunes", {"dune": "dunes"}),
        ("a castle's city", "a castle city", {"castle's": "castle"}),
        ("A bird's eye", "A bird's eye", {}),
        ("towns of OCTOBER", "city of autumn", {"towns": "city", "october": "autumn"}),
        ("aerial", "bird's eye", {"aerial": "bird's eye"}),
        ("the Andes", "the Andes", {}),  # whatever "and" is
        ("a savannah", "a savannah", {}),  # nor is the savanna known
        ("", "", {}),
    ],
)
def test_known_words_stand_for_other_forms_and_near_ones(
    prompt: str, text: str, taken: dict[str, str]
) -> None:
    reading = wording.read(prompt, Vocabulary(KNOWN))
    assert (reading.text, reading.taken) == (text, taken)


def test_words_without_a_known_one_stay_and_are_listed_once() -> None:
    reading = wording.read("A Spaceship at 9 o'clock: spaceship, Aß!", Vocabulary(KNOWN))
    assert reading.text == "A Spaceship at 9 o'clock: spaceship, Aß!"
    assert reading.unknown == ["spaceship", "o'clock", "aß"]


def test_a_model_that_lists_no_words_reads_a_prompt_as_it_is(tiny_model: Path) -> None:
    assert read_card(tiny_model).read("Castles") == wording.Reading("Castles")


def test_a_model_sees_the_words_that_it_knows(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "copied"))
    (folder / "pocket.json").write_text(json.dumps({"known_words": ["Waterfall", "at", "night"]}))
    model, plain = (
        load_model(resolve_source(str(path), download=False), "cpu", "float32")
        for path in (folder, tiny_model)
    )
    wanted = plain.bind("waterfall at night", "night")
    given = ("Waterfalls at nights", "xylophones, nighttime")
    latent, t = torch.zeros(1, 4, 8, 8), torch.tensor(999)
    read, unread = (each.bind(*given).predict(latent, t) for each in (model, plain))
    assert torch.equal(read, wanted.predict(latent, t))
    assert not torch.equal(unread, wanted.predict(latent, t))


def test_what_words_are_taken_for_is_said() -> None:
    vocabulary = Vocabulary(KNOWN | {"in"})
    taken, unknown = about_words("pocket", wording.read("a xylophone in towns", vocabulary))
    assert taken == "pocket takes towns for city"
    assert unknown.startswith("pocket does not know: xylophone")
    assert about_words("pocket", wording.read("a castle", vocabulary)) == []


pocket = pytest.mark.skipif(
    not (POCKET_FOLDER / "pocket.json").is_file(),
    reason="this checkout carries no trained pocket model",
)


@pocket
def test_every_near_word_stands_for_what_the_table_says() -> None:
    """None is known anyway, or a form of a known one, or stands for words that are not known."""
    vocabulary = Vocabulary(read_card(POCKET_FOLDER).vocabulary.words)
    for meant, words in near_words.NEAR.items():
        for word in words.split():
            assert wording.read(word, vocabulary).taken == {word: meant}


def _set(words: str) -> set[str]:
    return set(words.split())


NAMES = {name: {name} for name in ("castle", "market stalls from above", "city")}
SMALL = KNOWN | {"galaxy", "market", "stalls", "from", "above", "milky", "way", "harbor", "houses"}


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("A galaxy", "A milky way galaxy"),
        ("a galaxy above a galaxy", "a milky way galaxy above a galaxy"),
        ("a castle galaxy", "a castle galaxy"),  # it is the castle that is painted
        ("market stalls from above", "market stalls from above"),  # as in a caption
        ("a milky galaxy", "a milky galaxy"),
        ("a harbor town", "a harbor houses"),
        ("a town", "a city"),
    ],
)
def test_words_that_say_little_alone_are_read_with_more(prompt: str, text: str) -> None:
    assert wording.read(prompt, Vocabulary(SMALL, NAMES)).text == text


SCENES = Vocabulary(
    _set(
        "a and at by castle city clear fog in lake landscape light natural night no of on over "
        "railway sea sky skyline snow stars summer sunset tall the towers train under with without"
    ),
    {
        "castle": {"castle", "castle with towers", "tall castle"},
        "city": {"city", "city skyline"},
        "landscape": {"landscape", "natural landscape"},
        "railway": {"railway", "train on a railway"},
        "starry lake": {"stars over a lake"},
    },
    {
        "time": {
            "night": {"night", "at night"},
            "sunset": {"sunset", "in the light of the sunset"},
        },
        "weather": {"fog": {"in fog"}, "snow": {"in the snow"}},
    },
)


@pytest.mark.parametrize(
    ("prompt", "text", "subject", "left"),
    [
        ("A castle by the sea", "A castle", "castle", ["sea"]),
        (
            "Castles, a city and the sea at night",
            "castle at night",
            "castle",
            ["city", "sea"],
        ),
        ("a city under a tall castle", "a city under a tall", "city", ["castle"]),
        ("a city skyline over a lake", "a city skyline", "city skyline", ["lake"]),
        ("a castle under stars", f"a castle {near_words.CLEAR_NIGHT}", "", []),
        ("a castle under stars at sunset", "a castle at sunset", "castle", ["stars"]),
        ("a train by a castle", "a railway train", "train", ["castle"]),
        # What follows belongs to the subject, to no other one, or to its name.
        ("a castle with towers in fog", None, "", []),
        ("a castle in the light of the sunset", None, "", []),
        ("stars over a lake", None, "", []),
        ("a lake with a castle", None, "", []),
        ("a castle city", None, "", []),
        # A landscape is of something.
        ("a natural landscape with a castle", "a natural with a castle", "", []),
        ("a castle landscape", "a castle", "", []),
        # Whatever comes first in the sentence.
        ("Under stars, a castle", f"a castle {near_words.CLEAR_NIGHT}", "", []),
        ("At night, a castle", None, "", []),
        ("In fog", "In fog", "", []),
        # What is unknown says nothing.
        ("8k, a very tall castle at night by Xylo", "a tall castle at night", "", []),
        ("a very tall Xylo", "a very tall Xylo", "", []),
    ],
)
def test_what_surrounds_the_subject_is_left_out(
    prompt: str, text: str | None, subject: str, left: list[str]
) -> None:
    reading = wording.read(prompt, SCENES)
    assert (reading.text, reading.subject, reading.left) == (text or prompt, subject, left)


@pytest.mark.parametrize(
    ("prompt", "text", "avoided"),
    [
        ("a castle with no snow at night", "a castle at night", ["snow"]),
        ("a castle without snow or a fog, in summer", "a castle, in summer", ["snow", "fog"]),
        ("a castle, not in the fog", "a castle", ["fog"]),
        ("no city", "", ["city"]),
        ("a castle without", "a castle", []),
    ],
)
def test_what_there_is_none_of_is_avoided(prompt: str, text: str, avoided: list[str]) -> None:
    reading = wording.read(prompt, SCENES)
    assert (reading.text, reading.avoided) == (text, avoided)


def test_accents_and_apostrophes_are_those_of_any_keyboard() -> None:
    vocabulary = Vocabulary(frozenset({"castle", "bird's", "eye"}))
    assert wording.read("Ch\u00e2teau, bird\u2019s eye", vocabulary).text == "castle, bird's eye"


def test_a_negative_prompt_names_many_things() -> None:
    reading = wording.read("castle, city, sea", SCENES, negative=True)
    assert (reading.text, reading.left) == ("castle, city, sea", [])


@pocket
def test_a_lake_that_there_is_none_of_stays_one() -> None:
    assert read_card(POCKET_FOLDER).read("lake", negative=True).text == "lake"


def test_what_is_left_out_is_said() -> None:
    (sentence,) = about_words("pocket", wording.read("A castle by the sea", SCENES))
    assert sentence == "pocket paints one subject, here castle: sea may be missing"


def test_what_tells_a_subject_apart_is_missed_too() -> None:
    card = read_card(POCKET_FOLDER)
    reading = card.read("A waterfall in a tropical valley")
    assert (reading.text, reading.left) == ("A waterfall in a valley", ["tropical"])


def test_words_of_one_letter_are_unknown_where_a_script_has_such_words() -> None:
    assert wording.read("A castle x \u57ce \u591c", SCENES).unknown == ["\u57ce", "\u591c"]


def test_what_belongs_to_the_subject_cannot_be_left_out() -> None:
    reading = read_card(POCKET_FOLDER).read("a harbour without boats or snow")
    assert about_words("pocket", reading) == [
        "pocket keeps away from: snow",
        "pocket cannot leave out: boats",
    ]
    assert read_card(POCKET_FOLDER).read("woods without fog").unavoidable == []


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Moutains", "mountains"),
        ("a castel", "a castle"),
        ("a watrefall at sunrsie", "a waterfall at sunrise"),
        ("a dessert", "a desert"),
        ("concept art of a fountain 100 meters high", None),
    ],
)
def test_slips_of_long_words_are_understood(prompt: str, text: str | None) -> None:
    reading = read_card(POCKET_FOLDER).read(prompt)
    if text is None:
        assert {"concept", "fountain", "meters"} <= set(reading.unknown)
    else:
        assert reading.text == text
        assert reading.taken


SNOW, NIGHT, FOG = "snow, winter", "night", "fog"


@pocket
@pytest.mark.parametrize(
    ("prompt", "unasked"),
    [
        ("A waterfall", [SNOW, NIGHT, FOG]),
        ("a village landscape, anime", [SNOW, NIGHT, FOG]),
        ("a spaceship", [SNOW, NIGHT, FOG]),
        ("a town by the sea in summer", [SNOW, NIGHT, FOG]),
        ("the peak of a volcano", [SNOW, NIGHT, FOG]),
        ("a castle under golden skies, a fresh start", [SNOW, NIGHT, FOG]),
        # An hour is named, or stars are.
        ("people in a city at night", [SNOW, FOG]),
        ("a castle at dusk", [SNOW, FOG]),
        ("a harbour under the stars", [SNOW]),
        ("a castle by moonlight", [SNOW, FOG]),
        ("fireworks over Tokyo", [SNOW, FOG]),
        ("northern lights", [SNOW]),
        ("silhouette of a castle", [SNOW, FOG]),  # dark by day as well
        ("a lake at night", [SNOW, FOG]),
        ("a harbour at 10 pm", [SNOW, FOG]),
        ("a city in the evening", [SNOW, FOG]),
        # Snow, winter, skiers, or what is called after them.
        ("a castle in winter", [NIGHT, FOG]),
        ("Snow-capped mountains", [NIGHT]),
        ("a forest covered in snow", [NIGHT]),
        ("Christmas market", [NIGHT, FOG]),
        ("xmas in a city", [NIGHT, FOG]),
        ("the alps in january", [NIGHT, FOG]),
        ("it is snowing on a castle", [NIGHT]),
        ("a snowed-in castle", [NIGHT]),
        ("a snowscape", [NIGHT, FOG]),
        ("frosted woods", [NIGHT]),
        ("arctic landscape", [NIGHT, FOG]),
        ("a photo of a snowy mountain peak with skiers", [NIGHT]),
        ("people skiing", [NIGHT]),
        ("a castle near a ski resort", [NIGHT, FOG]),
        ("a forest with skiers", [NIGHT]),
        ("a village in summer", [NIGHT, FOG]),
        ("cottages by the sea", [NIGHT, FOG]),
        ("a church", [NIGHT, FOG]),
        # A weather is named, or what clouds the view.
        ("foggy mountains", [SNOW, NIGHT]),
        ("hazy hills", [SNOW, NIGHT]),
        ("a castle under clouds", [SNOW, NIGHT]),
        ("woods", [SNOW, NIGHT]),
        # Snow and an hour.
        ("a frozen lake at night", [FOG]),
        ("a church at night", [FOG]),
        # All, or none in any picture.
        ("a rock concert", []),
        ("shooting stars", []),
    ],
)
def test_snow_night_and_fog_that_nobody_asks_for_are_a_negative_prompt(
    prompt: str, unasked: list[str]
) -> None:
    card = read_card(POCKET_FOLDER)
    assert card.negative_prompt(prompt, "auto") == ", ".join(unasked)
    assert card.texts(prompt, "auto")[1].startswith(", ".join(unasked))
    assert card.negative_prompt(prompt, "fog") == "fog"
    assert card.negative_prompt(prompt, "") == ""


@pocket
@pytest.mark.parametrize(
    ("prompt", "negative", "text"),
    [
        ("A waterfall", "auto", "A waterfall by day"),
        ("A waterfall.", "night", "A waterfall by day"),
        ("A waterfall, not at night", "", "A waterfall by day"),
        ("A waterfall", "", "A waterfall"),
        ("A waterfall", "fog", "A waterfall"),
        ("A waterfall at dusk", "night", "A waterfall at dusk"),
    ],
)
def test_who_wants_no_night_is_told_the_day(prompt: str, negative: str, text: str) -> None:
    assert read_card(POCKET_FOLDER).texts(prompt, negative)[0] == text


def test_a_model_without_listed_words_has_no_negative_prompt_of_its_own(tiny_model: Path) -> None:
    assert read_card(tiny_model).texts("A waterfall", "auto") == ("A waterfall", "")
    assert Vocabulary(frozenset({"castle"})).unasked("a castle") == ""


def test_words_of_who_asks_are_no_words_of_the_picture() -> None:
    card = read_card(POCKET_FOLDER)
    reading = card.read("Please paint me a castle, I want it to be at dawn")
    assert (reading.text, reading.unknown) == ("a castle at dawn", [])


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("The sun sets behind a castle", "sunset a castle"),
        ("As the sun rises, a castle", "As sunrise, a castle"),
        ("Harbour lights at night", "Harbour at night"),
        ("City lights", "City at night"),
        ("city lights at dusk", "city at dusk"),
        ("a castle at three in the morning", "a castle at night"),
        ("late evening by a castle", "nightfall by a castle"),
        ("moonrise over the mountains", "night over the mountains"),
        ("A mountain lake in summer", "A mountains in summer"),
        ("hills and a lake", "hills and a lake"),
        ("a castle under the milky way", f"a castle {near_words.CLEAR_NIGHT}"),
        ("the way to a castle", "the way a castle"),
        ("a dog on a beach", "on a beach"),
        ("A beach, don't forget palm trees", "A beach, with palm trees"),
        ("Lake", "falls and a pool"),
        ("a lake under the stars", "a lake under the stars"),
        ("a dark lake", "a dark lake"),
        ("a castle by a lake", "a castle"),
        ("Cherry blossoms, mountains", "spring blossoms, mountains"),
        ("Light houses at dawn", "lighthouses at dawn"),
        ("A first lighthouse", "A lighthouse"),
    ],
)
def test_what_captions_say_otherwise_is_put_in_their_words(prompt: str, text: str) -> None:
    assert read_card(POCKET_FOLDER).read(prompt).text == text


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("at 10 pm", "at night"),
        ("10:30 p.m.", "at night"),
        ("at 12 am", "at night"),
        ("4:59", "at night"),
        ("at 6am", "at sunrise"),
        ("12 pm", "in daylight"),
        ("16:00", "in daylight"),
        ("at 5 PM", "at sunset"),
        ("20:15", "at dusk"),
        ("21:00", "at night"),
        ("13 pm", None),
        ("0 am", None),
        ("25:00", None),
        ("16:9", None),
        ("1920:1080", None),
        ("--ar 16:10", None),
        ("aspect ratio 4:30", None),
        ("4 amazing towers", None),
    ],
)
def test_times_of_a_clock_are_hours_of_the_day(said: str, words: str | None) -> None:
    known = frozenset(["at", "in", "night", "sunrise", "daylight", "sunset", "dusk"])
    text, taken = clock.in_words(f"a harbour {said} in summer", known)
    assert text == f"a harbour {words or said} in summer"
    assert list(taken) == ([said.removeprefix("at ").lower()] if words else [])
    assert clock.in_words(said, frozenset({"at"})) == (said, {})


@pytest.fixture(scope="module")
def embedded() -> LatentDiffusion:
    return load_model(resolve_source("pocket", download=False), "cpu", "float32")


@pocket
def test_captions_are_read_as_they_are() -> None:
    card = read_card(POCKET_FOLDER)
    assert len(card.vocabulary.names) > 200
    for name in card.vocabulary.names:
        text = f"a photo of {name}".replace("jungle", "summer jungle")
        reading = card.read(f"a photo of {name}")
        assert (reading.text, reading.left) == (text, [])


@pocket
@pytest.mark.parametrize("word", sorted(near_words.ALONE))
def test_a_word_that_says_little_alone_is_understood(embedded: LatentDiffusion, word: str) -> None:
    """By the network that chooses what is recalled, of 24 subjects."""
    assert _likeliest(embedded, read_card(POCKET_FOLDER).read(f"a {word}").text)[1] > 0.75
    assert word in read_card(POCKET_FOLDER).vocabulary.words


@pocket
@pytest.mark.parametrize("subject", ["mountains", "castle", "city", "forest", "harbour"])
def test_what_is_covered_in_snow_is_not_a_village(embedded: LatentDiffusion, subject: str) -> None:
    reading = read_card(POCKET_FOLDER).read(f"A {subject} Covered in Snow in winter")
    assert reading.text == f"A {subject} in snowfall in winter"
    assert reading.taken == {"covered in snow": "in snowfall"}
    assert _likeliest(embedded, reading.text)[0] == _likeliest(embedded, subject)[0]


@pocket
@pytest.mark.parametrize("falling", ["snow falling", "Snow falls", "snow is falling"])
def test_snow_that_falls_is_weather(embedded: LatentDiffusion, falling: str) -> None:
    reading = read_card(POCKET_FOLDER).read(f"{falling} on a village at night")
    assert reading.text == "with falling snow on a village at night"
    text = embedded._embed([reading.text])[0].mean(0)
    assert embedded.refiner.network.readers["weather"](text).softmax(-1)[3] > 0.5


def _likeliest(embedded: LatentDiffusion, text: str) -> tuple[int, float]:
    """The number of the subject that the network reads, and its probability."""
    found = embedded.refiner.network.likeliest_subjects(embedded._embed([text]))
    (number,), (probability,) = found
    return int(number), float(probability)


@pocket
@pytest.mark.parametrize(
    ("prompt", "subject"),
    [
        ("a city in the snow in winter", "city skyline"),
        ("a waterfall in the snow in winter", "waterfall"),
        ("a photo of a fortress in the snow in winter", "castle"),
        ("green hills, anime", "anime landscape"),  # of cartoon hills there is no anime
        ("snow in winter", "winter village"),
    ],
)
def test_a_subject_that_a_prompt_names_is_meant(
    embedded: LatentDiffusion, prompt: str, subject: str
) -> None:
    assert embedded.refiner.subject_of(prompt)[0] == subject


@pocket
@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("Castles at nighttime", {"subject": "castle", "time": "night"}),
        ("a forest in fog", {"subject": "misty_forest", "weather": "fog"}),
        ("a golden autumn forest", {"subject": "misty_forest", "season": "autumn"}),
        ("a waterfall after sunset", {"subject": "waterfall", "time": "twilight"}),
        ("a waterfall village", {"subject": "winter_village"}),
        ("Bright lights, big city", {"subject": "city_skyline"}),
    ],
)
def test_a_judge_looks_for_what_is_painted(prompt: str, named: dict[str, str]) -> None:
    judge = PocketFeatures.from_folder(POCKET_FOLDER / JUDGE, "cpu")
    assert judge.named_classes(prompt) == named


@pocket
@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        # Lists of what there is none of.
        ("a castle without fog and snow", "a castle"),
        ("a castle without fog and snow, at sunset", "a castle, at sunset"),
        ("a castle without fog and at night", "a castle and at night"),
        ("a castle with no snow and a blue sky", "a castle and a blue sky"),
        ("mountains with no snow, fog or clouds", "mountains"),
        ("a beach without people, boats, or palm trees", "a beach"),
        ("a beach without snow, sunset, cartoon", "a beach, sunset, cartoon"),
        # Other ways to say so.
        ("I don't want snow, just mountains", "mountains"),
        ("a harbour, hardly any snow", "a harbour"),
        ("neither in fog nor in snow, a castle", "a castle"),
        ("snow-free mountains", "mountains"),
        ("a castle free of snow", "a castle"),
        ("castle minus the fog", "castle"),
        # What is never-ending is there.
        ("never-ending desert", "wide desert"),
        # Hours.
        ("city at nigth", "city at night"),
        ("a castle tonight", "a castle night"),
        ("beach, sun going down", "beach, sunset"),
        ("castle at magic hour", "castle at golden hour"),
        ("a blue castle under the stars", f"a blue castle {near_words.CLEAR_NIGHT}"),
        ("bright stars over a castle", f"over a castle {near_words.CLEAR_NIGHT}"),
        ("sky full of stars over a castle", f"sky over a castle {near_words.CLEAR_NIGHT}"),
        ("stars over a calm lake", "stars over a calm lake"),
        ("bright stars", "stars"),
        # Slips of shorter words.
        ("autum forest", "autumn forest"),
        ("sumer beach", "summer beach"),
        # Wallpapers show anything.
        ("4k wallpaper of mountains", "of mountains"),
        ("silhouette wallpaper of a castle", "silhouette wallpaper of a castle"),
        # Names that nobody knows decide no weather.
        ("Xylo bridge in fog", "in fog"),
        ("the Xylo", "the Xylo"),
    ],
)
def test_what_people_write_is_read_as_they_mean_it(prompt: str, text: str) -> None:
    assert read_card(POCKET_FOLDER).read(prompt).text == text


@pocket
@pytest.mark.parametrize(
    ("prompt", "subject"),
    [
        ("desert castle", "castle"),
        ("a forest waterfall in autumn", "waterfall"),
        ("a city harbour at night", "harbour"),
        ("village lighthouse", "lighthouse"),
        ("castle, forest", "castle"),  # no compound
        ("a castle in a forest", "castle"),
        ("a city skyline", "city skyline"),
        ("a church in a village", "winter village"),
        ("a band on a stage", "concert"),
        ("a bird's eye view of shops", "alley"),
        ("a cabin in the woods", "misty forest"),
        ("a fishing village", "harbour"),
        ("a river of lava", "volcano"),
        ("people at a festival", "concert"),
    ],
)
def test_the_subject_of_a_compound_is_its_head_and_articles_do_not_count(
    prompt: str, subject: str
) -> None:
    card = read_card(POCKET_FOLDER)
    assert card.vocabulary.subject_named(card.read(prompt).text) == subject


@pocket
@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a forest", None),  # misty only by what it is called here
        ("woods at night", None),
        ("a village", "paints this as: winter village"),
        ("a landscape", "paints this as: anime landscape"),
    ],
)
def test_a_subject_is_called_by_what_all_its_pictures_show(
    embedded: LatentDiffusion, prompt: str, said: str | None
) -> None:
    subject, probability = embedded.refiner.subject_of(prompt)
    pictures, card = embedded.refiner.pictures_of(subject), embedded.card
    sentences = about_subject(
        "pocket", card.read(prompt), card.vocabulary, subject, pictures, probability
    )
    assert sentences == ([f"pocket {said}"] if said else [])


@pocket
def test_the_papers_prompts_are_read_as_they_are() -> None:
    card = read_card(POCKET_FOLDER)
    for prompt in paper_prompts():
        assert card.read(prompt).text == prompt


@pocket
def test_a_dry_run_says_what_words_are_taken_for(cli: Callable[..., Outcome]) -> None:
    done = cli("generate", "Castles and xylophones", "--negative-prompt", "towns", "--dry-run")
    assert "pocket takes towns for city" in done.err
    assert "pocket takes castles for castle" in done.err
    assert "pocket does not know: xylophones" in done.err


@pocket
@pytest.mark.parametrize("surroundings", ["in front of mountains", "by a lake", "in a forest"])
@pytest.mark.parametrize("subject", ["castle", "city", "beach", "harbour", "volcano", "train"])
def test_the_subject_is_what_is_named_first(
    embedded: LatentDiffusion, subject: str, surroundings: str
) -> None:
    named = read_card(POCKET_FOLDER).read(f"a {subject} {surroundings} in autumn")
    wanted, _ = _likeliest(embedded, f"a {subject}")
    assert _likeliest(embedded, named.text)[0] == wanted
    assert named.text.endswith("in autumn")


@pocket
def test_a_model_is_led_away_from_all_that_a_negative_prompt_names(
    embedded: LatentDiffusion,
) -> None:
    bound = embedded.bind("a castle by the sea", "mountains, lighthouse, sea")
    wanted = embedded._embed(["mountains, lighthouse, sea", "a castle"])
    assert torch.equal(bound._embeds, wanted)
