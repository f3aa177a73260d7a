"""Tables of words: what stands for what in the captions of the embedded model. No torch."""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _subjects(names: str) -> frozenset[str]:
    return frozenset(names.split(", "))


# Words of pocket's captions -> words that mean nearly the same, or an example of it.
NEAR = {
    "castle": "cathedral chateau citadel fort palace",
    "city": "beijing berlin chicago dubai london manhattan metropolis nyc paris shanghai singapore "
    "sydney tokyo town",
    "skyline": "cityscape",
    "forest": "grove park rainforest thicket wood woodland",
    "pine": "fir spruce",
    "trees": "birch oak",
    "waterfall": "brook cataract creek iguazu niagara river stream",
    "mountain": "mount",
    "mountains": "alps andes dolomites everest fjord himalaya kilimanjaro matterhorn ridge rockies "
    "summit",
    "snowy mountain": "glacier",
    "valley": "canyon gorge",
    "volcano": "etna fuji vesuvius vulcano",
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
    "harbour": "amsterdam canal venice",
    "quay": "dock jetty pier wharf",
    "desert": "gobi namib",
    "village": "hamlet",
    "cottages": "cabin chalet hut",
    "galaxy": "cosmos nebula",
    "stars": "constellation",
    "starry": "starlit",
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
    "lion reindeer rhino sheep wildlife zebra",
    "savanna": "savannah serengeti",
    "savanna with animals": "safari",
    "grassland": "pasture prairie steppe",
    "meadow": "field",
    "skiers": "snowboarder",
    "skiing": "sledding sledging snowboarding",
    "vines": "creeper",
    "brick wall": "brickwork masonry",
    "cartoon": "comic",
    "anime": "ghibli manga",
    "photo": "photographic photorealistic photoreal",
    "dawn": "sunup",
    "daylight": "afternoon sunlight sunshine",
    "sunny": "sunlit",
    "sunset": "sundown",
    "dusk": "gloaming",
    "night": "candlelit fireflies fireworks halloween illuminated moonrise nacht neon nighttime "
    "nite noche nocturnal notte nuit stargazing streetlights tonight",
    "clear": "cloudless",
    "clouds": "drizzle lightning monsoon rain storm thunder thunderstorm",
    "cloudy": "gloomy gray grey raining rainy stormy",
    "haze": "smog",
    "snowfall": "blizzard snowing snowstorm",
    "snow": "antarctica frost ice iceberg slush snowdrift snowfield snowflake snowman",
    "snowy": "icy snowcapped snowclad snowed",
    "wintry": "antarctic arctic frosted frosty frozen wintery",
    "winter": "christmas december february january xmas",
    "spring": "april",
    "summer": "august july june",
    "autumn": "november october september",
    "colorful": "colourful",
    "colors": "colour",
}
# Where one of these words is there too, a near word means something else.
BESIDE = {
    "river": {"lava": "rivers"},
    "town": {
        "boats fishing harbor harbour marina port quay sailboats sailing": "houses",
        "medieval": "castle",
    },
}
# What captions never say, in their own words: they know houses that are covered in snow, and lights
# in the sky.
PHRASES = {f"covered {by} snow": "in snowfall" for by in ("in", "with", "by")} | {
    **{f"{snowy} peak": "snowy mountain peak" for snowy in ("snowcapped", "snow-capped")},
    **{f"snow {falls}": "with falling snow" for falls in ("falling", "falls", "is falling")},
    "snow-covered": "snowy",
    "snow-capped": "snowy",
    "light house": "lighthouse",
    "the sun sets": "sunset",
    "sun is setting": "sunset",
    "setting sun": "sunset",
    "the sun rises": "sunrise",
    "sun is rising": "sunrise",
    "rising sun": "sunrise",
    "night falls": "night",
    "first light": "dawn",
    "cherry blossoms": "spring blossoms",
    "cherry blossom": "spring blossoms",
    **{f"{hour} in the morning": "night" for hour in ("one", "two", "three", "four")},
    **{f"{hour} in the morning": "sunrise" for hour in ("five", "six", "seven")},
    "late evening": "nightfall",
    "traffic lights": "city",
    "skyscraper lights": "skyscrapers",
    "jungle": "summer jungle",  # captions know jungles in winter
    **{f"sun {up}": "sunrise" for up in ("coming up", "comes up", "rise", "rising")},
    **{f"sun {down}": "sunset" for down in ("going down", "goes down", "set", "setting")},
    "magic hour": "golden hour",
    "golden light": "golden hour",
    "evening light": "golden hour",
    "early evening": "golden hour",
    "dark clouds": "overcast",
    "don't forget": "with",
    "light trails": "night",
    "new year's eve": "night",
    "never-ending": "wide",
    "new york city": "city",
    **dict.fromkeys(("hong kong", "las vegas", "los angeles", "new york"), "city"),
    "festival crowd": "concert crowd",
    "a festival": "a music festival",
    **{f"bright {colors}": "colorful" for colors in ("colors", "colours")},
    "neon lights": "city at night",
    "sky line": "skyline",
    "sky scrapers": "skyscrapers",
    "light-house": "lighthouse",
    "water fall": "waterfall",
    "water-fall": "waterfall",
    "moonlit lake": "lake under the stars",
    "fishing village": "fishing port",
    **{f"{crop} field": "grassland" for crop in ("corn", "rice", "wheat")},
}
# Words that captions have beside others only -> what they are read as where nothing else in the
# prompt says what to paint.
ALONE = {
    "band": "rock band on stage",
    "beacon": "lighthouse beacon",
    "boats": "boats in a harbour",
    "bricks": "brick wall",
    "camels": "camels in the desert",
    "caravan": "desert caravan",
    "cars": "cars on a beachside street",
    "church": "village church",
    "cliff": "cliff by the sea",
    "coast": "rocky coast",
    "cottages": "village cottages",
    "crater": "volcano crater",
    "dunes": "desert dunes",
    "festival": "music festival",
    "galaxy": "milky way galaxy",
    "grass": "grassland",
    "jungle": "jungle forest",
    "lava": "volcano with lava",
    "market": "street market",
    "meadow": "meadow with flowers",
    "meteors": "meteors in the sky",
    "oasis": "desert oasis",
    "roofs": "village roofs",
    "sailboats": "port with sailboats",
    "ocean": "sea waves",
    "sea": "sea waves",
    "stalls": "street market stalls",
    "track": "railway track",
    "train": "railway train",
    "waves": "sea waves",
}
# Words that say what to paint, beside those that are a subject's name by themselves.
TELLING = _set(
    "borealis brick coral crowd falls fish flowers grazing hills houses ivy lake lava lights milky "
    "mountain northern palm palms peak peaks people pine port quay reef road sailing sand sandy "
    "shooting shops ski skiing slope stage starry stars street towers trees tropical underwater "
    "volcanic wall wild"
)
# Words of `ALONE` that lie around a subject rather than being one.
AROUND = _set("church cliff coast cottages galaxy grass jungle meteors ocean roofs sea waves")
# Stars, the moon and lamps are bright at night.
SHINING = _set("lights moon stars")
# Words that captions have beside another one only, and that would mean it alone.
ONLY_BESIDE = {"wallpaper": "silhouette"}
# A name of these alone asks for a picture of something.
VAGUE_NOUNS = _set("landscape nature scenery")
VAGUE = VAGUE_NOUNS | _set("beautiful big country deep green high modern natural of old small tall")
# Words of people who ask: nobody misses them.
ASKING = _set(
    "am any are be can come comes could create do does draw for full generate give has have i if "
    "is it its just like look looks make makes me my now of only our paint painted painting "
    "please show so some that there this to us very wallpaper want was we were what will with "
    "would you your"
)
# Between the words that matter.
FILLERS = _set("a an any of the")
# Of what follows them, up to a word of `LINKS` or a comma, there is none.
NEGATIONS = _set(
    "aren't barely don't hardly instead isn't minus neither never no nor not without won't"
)
# Behind these, or a comma, a prompt names what surrounds its subject.
LINKS = _set(
    "above across against along amid among and around at background before behind below beneath "
    "beside between beyond but by during edge facing foot foreground from front in inside into "
    "middle near next on onto or over overlooking plus side surrounded surrounding through to "
    "toward towards under underneath where while with within"
)
# Lights behind one of these are its own, and where no hour is named, seen at night.
LIT = _set("city harbor harbour port skyline village")
# Around a subject they mean a clear night.
NIGHTLY = _set("aurora borealis galaxy lights meteors milky northern starry stars")
# Words that go where the one before them goes.
FOLLOWING = {"way": "milky"}
AT_NIGHT = "at night"
CLEAR_NIGHT = f"{AT_NIGHT} under a clear sky"
# These look like slips of a crater, a cartoon, a country and meteors.
NO_SLIPS = _set("carter carton county meters")
# A word of `TELLING` that no picture is missed for: cities have them.
UNMISSED = _set("lights")
# What renders have as often as any other weather or hour, and few want who do not ask for it ->
# words that do, and subjects of which all pictures have it, or none.
UNASKED = {
    "snow, winter": (
        r"ski|skiers?|skiing|snow(?!less)\w*|winter\w*",
        _subjects("concert, shooting stars, skiers, winter village"),
    ),
    "night": (
        r"aurora|evening|galax\w+|hour|lights|meteors?|moon\w*|night\w*|silhouette\w*|"
        r"star(s|ry|l\w+)?",
        _subjects("concert, northern lights, shooting stars, starry lake"),
    ),
    "fog": (
        r"fog\w*|mist\w*|haz\w+|murk\w*|smog|smok\w+|spray|steam\w*",
        _subjects(
            "beach, concert, coral reef, misty forest, northern lights, shooting stars, skiers, "
            "starry lake, railway"  # whose pale days would lie in snow
        ),
    ),
}
# Lakes of their own are seen at night; by day they lie below waterfalls, and between mountains.
LAKE_BY_DAY, LAKE_IN_MOUNTAINS = "falls and a pool", "mountains"
# Where it is not to be night.
BY_DAY = "by day"
# What pictures of a subject do not show, whatever they were drawn for.
UNSEEN = {"concert": "winter foggy", "shooting stars": "winter"}
# Words of hours that alone name none: lights are bright at night, and sand is golden at noon.
UNTIMELY = _set("bright golden")
