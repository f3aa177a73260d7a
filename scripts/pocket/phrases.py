"""The words of captions, as data: nouns of the subjects, phrases of the attributes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """How an attribute's value is said: before the noun, behind it, or as the caption's opener."""

    tails: tuple[str, ...]
    adjectives: tuple[str, ...] = ()
    openers: tuple[str, ...] = ()


TIME = {
    "dawn": Phrases(
        ("at dawn", "at sunrise", "in the early morning", "in the morning light", "at daybreak"),
        ("morning", "dawn", "sunrise"),
    ),
    "noon": Phrases(
        ("at noon", "in daylight", "by day", "on a sunny day", "at midday", "in bright daylight"),
        ("sunny", "bright", "daytime"),
    ),
    "sunset": Phrases(
        ("at sunset", "in the sunset", "under the sunset", "in the evening sun", "at golden hour"),
        ("sunset", "golden"),
    ),
    "twilight": Phrases(
        ("at twilight", "at dusk", "in the blue hour", "after sunset", "at nightfall"),
        ("twilight", "dusky"),
    ),
    "night": Phrases(
        ("at night", "in the dark", "under the moon", "by moonlight", "at midnight"),
        ("night", "moonlit", "dark"),
    ),
}
WEATHER = {
    "clear": Phrases(("under a clear sky", "in clear weather", "with a clear sky"), ("clear",)),
    "cloudy": Phrases(("under clouds", "with clouds", "on a cloudy day"), ("cloudy", "overcast")),
    "fog": Phrases(
        ("in the fog", "in mist", "with a misty fog", "with fog", "in the haze"),
        ("foggy", "misty", "hazy"),
    ),
    "snow": Phrases(("in the snow", "with falling snow", "in snowfall"), ("snowy",)),
}
SEASON = {
    "spring": Phrases(("in spring", "in springtime", "with spring blossoms"), ("spring",)),
    "summer": Phrases(("in summer", "in summertime", "in the summer"), ("summer",)),
    "autumn": Phrases(
        ("in autumn", "in fall", "with autumn colors", "with autumn leaves"), ("autumn", "autumnal")
    ),
    "winter": Phrases(("in winter", "in wintertime", "in the cold winter"), ("winter", "wintry")),
}
STYLE = {
    "photo": Phrases(
        ("photo", "photograph", "in photo style", "realistic photo"),
        (),
        ("a photo of", "photo of", "a photograph of", "a film photo of", "a picture of"),
    ),
    "cartoon": Phrases(
        ("in cartoon style", "cartoon illustration", "as a cartoon", "cartoon"),
        ("cartoon",),
        ("a cartoon of", "cartoon panorama of", "a cartoon drawing of", "cartoon of"),
    ),
    "anime": Phrases(
        ("in anime style", "in anime style illustration", "anime illustration", "anime"),
        ("anime",),
        ("an anime illustration of", "anime style illustration of", "an anime of", "anime of"),
    ),
    "silhouette": Phrases(
        ("in silhouette", "silhouette", "as a silhouette", "silhouette wallpaper"),
        ("silhouetted",),
        ("silhouette of", "a silhouette of", "silhouette wallpaper of", "a dark silhouette of"),
    ),
}
NOUNS: dict[str, tuple[str, ...]] = {
    "waterfall": (
        "a waterfall", "waterfalls", "a waterfall over cliffs", "water falling over cliffs",
        "falls and a pool", "a big waterfall", "a waterfall in the jungle", "tall waterfalls",
        "cascades over rocks", "a waterfall in the mountains",
    ),
    "mountains": (
        "a mountain range", "mountains", "a mountain landscape", "a range of mountains",
        "high mountains", "rocky mountains", "mountain peaks", "a mountain valley",
        "the mountains", "an alpine landscape",
    ),
    "northern_lights": (
        "a lake under the northern lights", "northern lights", "the northern lights",
        "aurora borealis", "an aurora over a lake", "northern lights over a lake",
        "a lake with aurora", "polar lights above the water", "aurora", "an aurora",
    ),
    "city_skyline": (
        "a city skyline", "a city", "a skyline", "a modern city", "skyscrapers", "a big city",
        "tall buildings", "a skyline of skyscrapers", "downtown", "a city with tall towers",
    ),
    "skiers": (
        "a snowy mountain peak with skiers", "skiers", "a ski slope", "skiers on a mountain",
        "people skiing", "a snowy peak with skiers", "skiing in the mountains",
        "a snowy slope with skiers", "ski mountains", "a snowy mountain with skiers",
    ),
    "anime_landscape": (
        "natural landscape", "a natural landscape", "a landscape", "nature", "a landscape of nature",
        "a green landscape", "a village landscape", "hills and sky", "a country landscape",
        "a natural scenery",
    ),
    "cartoon_landscape": (
        "spring summer beautiful nature", "beautiful nature", "nature", "a meadow with flowers",
        "hills with flowers", "nature with hills", "a beautiful landscape", "green hills",
        "a nature landscape", "spring and summer nature",
    ),
    "misty_forest": (
        "a forest with a misty fog", "a forest", "a misty forest", "woods", "trees in a forest",
        "a foggy forest", "a forest in the mist", "tall trees", "deep woods", "a pine forest",
    ),
    "railway": (
        "a top view of a single railway", "a single railway", "a railway from above", "a railway",
        "railway tracks", "a railroad", "train tracks from above", "a top view of a railway",
        "a railroad track seen from above", "rails",
    ),
    "concert": (
        "a rock concert", "a concert", "a concert stage", "a live concert", "a band on stage",
        "a music festival", "a concert crowd", "a rock band on stage", "stage lights and a crowd",
        "a rock show",
    ),
    "shooting_stars": (
        "a dreamy scene with shooting stars", "shooting stars", "a scene with shooting stars",
        "falling stars", "meteors in the sky", "a dreamy scene with falling stars",
        "a starry sky with shooting stars", "a meteor shower", "a dreamy sky", "shooting stars in the sky",
    ),
    "vines_wall": (
        "vines on a brick wall", "a brick wall with vines", "ivy on a brick wall", "a brick wall",
        "vines", "ivy on bricks", "a wall with ivy", "leaves on a brick wall",
        "climbing vines on bricks", "a wall of bricks and vines",
    ),
    "alley": (
        "a bird's eye view of an alley with shops", "an alley with shops", "an alley from above",
        "shops in an alley", "a street market from above", "a narrow street with shops",
        "a bird's eye view of shops", "an alley", "a shopping alley", "market stalls from above",
    ),
    "beach": (
        "a beach with palm trees", "a beach", "palm trees on a beach", "a tropical beach",
        "palm trees by the ocean", "a sandy beach", "a beach with palms", "palms and sand",
        "the seaside with palm trees", "a palm beach",
    ),
    "grassland": (
        "a grassland with animals", "a grassland", "animals on grass", "a savanna with animals",
        "a meadow with animals", "animals in a grassland", "wild animals", "grazing animals",
        "a savanna", "animals",
    ),
    "castle": (
        "a castle", "a castle on a hill", "an old castle", "a medieval castle", "a fortress",
        "a castle with towers", "a cinematic view of a castle", "castle towers",
        "a fairytale castle", "a stone castle",
    ),
    "beachside_street": (
        "a beachside street", "a street by the beach", "a street by the sea", "a seaside road",
        "a beachside road", "a coastal road", "a street with palms by the sea",
        "a beachside street with cars", "a road along the beach", "an ocean drive",
    ),
    "coral_reef": (
        "a beautiful ocean with coral reef", "a coral reef", "an ocean with coral reef", "corals",
        "underwater corals and fish", "a reef with fish", "fish under water", "an underwater reef",
        "the ocean floor with corals", "a coral reef under the sea",
    ),
}
