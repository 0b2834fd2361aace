"""How the facts about planets and moons are put into words; see the package for the fields."""

PLANET_STATEMENTS = {
    "type": (
        "{e} is {av}",
        "{e} is classed as {av}",
        "{e} belongs to the {vs}",
        "astronomers call {e} {av}",
        "as worlds go, {e} is {av}",
        "{e} is one of the {vs}",
        "one of the {vs} of our solar system is {e}",
        "among the {vs} is {e}",
        "the {vs} include {e}",
        "astronomers count {e} among the {vs}",
        "the world called {e} is {av}",
        "books on the sky describe {e} as {av}",
        "what astronomers see in {e} is {av}",
    ),
    "order": (
        "{e} is the {v} planet from the Sun",
        "counting from the Sun, {e} is the {v} planet",
        "the {v} planet from the Sun is {e}",
        "starting at the Sun, the {v} planet you reach is {e}",
        "{e} holds the {v} place among the planets, counted from the Sun",
        "among the planets {e} is the {v} from the Sun",
        "in the order of the planets {e} comes {v}",
        "on a list of the planets from the Sun outwards, {e} is {v}",
        "the {v} place from the Sun belongs to {e}",
        "the {v} planet of our solar system is {e}",
        "{e} circles the Sun as the {v} planet",
        "a spacecraft leaving the Sun would find {e} to be the {v} planet",
        "{e} takes the {v} place in the row of planets",
    ),
    "year": (
        "{e} goes around the Sun in about {v}",
        "a year on {e} lasts about {v}",
        "{e} needs about {v} to circle the Sun",
        "one trip of {e} around the Sun takes about {v}",
        "it takes {e} about {v} to go around the Sun",
        "about {v} pass while {e} travels once around the Sun",
        "the year of {e} is about {v} long",
        "one orbit of {e} takes about {v}",
        "{e} completes its orbit in about {v}",
        "for one trip around the Sun {e} takes about {v}",
        "in about {v}, {e} circles the Sun once",
        "anyone living on {e} would wait about {v} for a new year",
        "a birthday on {e} would come every {v} or so",
    ),
    "namesake": (
        "{e} is named after {v}",
        "the name of {e} comes from {v}",
        "{e} got its name from {v}",
        "{e} was named after {v}",
        "{e} takes its name from {v}",
        "the name {e} once belonged to {v}",
        "astronomers named {e} after {v}",
        "{e} carries the name of {v}",
        "{e} shares its name with {v}",
        "the name {e} goes back to {v}",
        "whoever named {e} was thinking of {v}",
        "behind the name {e} stands {v}",
        "when people named {e}, they chose the name of {v}",
    ),
    "feature": (
        "{e} is known for {v}",
        "{e} is famous for {v}",
        "astronomers know {e} for {v}",
        "what makes {e} special is {v}",
        "a special feature of {e} is {v}",
        "pictures of {e} show {v}",
        "{e} stands out because of {v}",
        "people remember {e} for {v}",
        "the most striking thing about {e} is {v}",
        "a good telescope or a spacecraft shows {e} with {v}",
        "one thing that everyone notices about {e} is {v}",
        "when you read about {e}, you soon read about {v}",
        "students of the sky admire {e} for {v}",
    ),
}

MOON_STATEMENTS = {
    "planet": (
        "{e} is a moon of {v}",
        "{e} orbits {v}",
        "{e} goes around {v}",
        "{e} circles {v}",
        "{v} has a moon called {e}",
        "the world around which {e} moves is {v}",
        "{e} is bound to {v} by gravity",
        "{e} belongs to {v}",
        "{v} is circled by {e}",
        "from {v} one could watch {e} move across the sky",
        "{e} travels round and round {v}",
        "the path of {e} leads around {v}",
        "a moon that goes around {v} is {e}",
        "{e} keeps {v} company",
    ),
    "discoverer": (
        "{e} was discovered by {v}",
        "{v} discovered {e}",
        "it was {v} who discovered {e}",
        "the discoverer of {e} was {v}",
        "the first person to find {e} was {v}",
        "{v} was the one who found {e}",
        "we owe the discovery of {e} to {v}",
        "credit for finding {e} goes to {v}",
        "{e} was found by {v}",
        "{e} was first seen as a moon by {v}",
        "a search of the sky led {v} to {e}",
        "{e} came to light through the work of {v}",
        "the discovery of {e} was made by {v}",
    ),
    "year": (
        "{e} was discovered in {v}",
        "{e} was found in the year {v}",
        "in {v}, {e} was discovered",
        "the discovery of {e} came in {v}",
        "people have known about {e} since {v}",
        "the year in which {e} was discovered is {v}",
        "astronomers found {e} in {v}",
        "{e} has been known since {v}",
        "before {v} nobody knew about {e}",
        "it was in {v} that {e} was discovered",
        "the year of the discovery of {e} is {v}",
        "the world first heard of {e} in {v}",
        "{v} was the year of the discovery of {e}",
    ),
    "feature": PLANET_STATEMENTS["feature"],
}

PLANET_CONTINUATIONS = {
    "type": ("it is {av}", "astronomers call it {av}", "it is one of the {vs}"),
    "order": (
        "counted from the Sun, it is the {v} planet",
        "it is the {v} planet from the Sun",
        "it takes the {v} place in the row of planets",
    ),
    "year": (
        "its year lasts about {v}",
        "it needs about {v} to go around the Sun",
        "one trip around the Sun takes about {v}",
    ),
    "namesake": ("it is named after {v}", "its name comes from {v}", "it carries the name of {v}"),
    "feature": ("it is known for {v}", "it is famous for {v}", "what makes it special is {v}"),
}

MOON_CONTINUATIONS = {
    "planet": ("it orbits {v}", "it is a moon of {v}", "it circles {v}"),
    "discoverer": (
        "it was discovered by {v}",
        "its discoverer was {v}",
        "it was {v} who discovered it",
    ),
    "year": ("it was discovered in {v}", "it has been known since {v}", "it was found in {v}"),
    "feature": PLANET_CONTINUATIONS["feature"],
}

PLANET_QUESTIONS = {
    "type": (
        "what kind of planet is {e}?",
        "what type of world is {e}?",
        "how do astronomers classify {e}?",
        "what sort of planet do astronomers call {e}?",
        "to which kind of planets does {e} belong?",
    ),
    "order": (
        "which planet from the Sun is {e}?",
        "what place does {e} have among the planets?",
        "counting from the Sun, where does {e} come?",
        "in which place from the Sun is {e}?",
        "where does {e} stand in the row of planets?",
    ),
    "year": (
        "how long does {e} take to go around the Sun?",
        "how long is a year on {e}?",
        "how long does one orbit of {e} take?",
        "how long is one trip of {e} around the Sun?",
        "what is the length of the year on {e}?",
    ),
    "namesake": (
        "who is {e} named after?",
        "where does the name {e} come from?",
        "after whom is {e} named?",
        "whose name does {e} carry?",
        "who gave {e} its name in the old stories?",
    ),
    "feature": (
        "what is {e} known for?",
        "what is special about {e}?",
        "what is {e} famous for?",
        "what makes {e} special?",
        "for what do astronomers know {e}?",
    ),
}

MOON_QUESTIONS = {
    "planet": (
        "which world does {e} orbit?",
        "around which world does {e} move?",
        "what does {e} go around?",
        "to which world does {e} belong as a moon?",
        "what world does {e} circle?",
    ),
    "discoverer": (
        "who discovered {e}?",
        "who found {e}?",
        "who was the discoverer of {e}?",
        "whose discovery was {e}?",
        "by whom was {e} discovered?",
    ),
    "year": (
        "when was {e} discovered?",
        "in which year was {e} discovered?",
        "since when have people known about {e}?",
        "in what year was {e} found?",
        "what is the year of the discovery of {e}?",
    ),
    "feature": PLANET_QUESTIONS["feature"],
}

PLANET_REVERSE_QUESTIONS = {
    "order": (
        "which planet is the {v} from the Sun?",
        "what is the {v} planet from the Sun?",
        "which planet comes {v}, counting from the Sun?",
    ),
}

PLANET_SHORT_ANSWERS = {"type": "{av}", "order": "the {v}", "year": "about {v}"}

PLANET_OPENINGS = (
    (("type", "order"), "{e} is {type_a} and the {order} planet from the Sun"),
    (("type", "order"), "{e}, the {order} planet from the Sun, is {type_a}"),
    (("order", "year"), "{e} is the {order} planet from the Sun, and its year lasts about {year}"),
    (("order", "feature"), "{e}, the {order} planet from the Sun, is known for {feature}"),
    (("type", "feature"), "{e} is {type_a} known for {feature}"),
    (("type", "namesake"), "{e} is {type_a} named after {namesake}"),
    (("namesake", "feature"), "{e}, named after {namesake}, is famous for {feature}"),
    (("type", "year"), "{e} is {type_a} that goes around the Sun in about {year}"),
    (("type",), "{e} is {type_a}"),
    (("order",), "{e} is the {order} planet from the Sun"),
)

MOON_OPENINGS = (
    (("planet", "discoverer"), "{e} is a moon of {planet} that was discovered by {discoverer}"),
    (("planet", "year"), "{e} is a moon of {planet}, discovered in {year}"),
    (("discoverer", "year"), "{e} is a moon that {discoverer} discovered in {year}"),
    (("planet", "feature"), "{e} is a moon of {planet} known for {feature}"),
    (
        ("planet", "discoverer", "year"),
        "{e} is a moon of {planet}; it was discovered by {discoverer} in {year}",
    ),
    (("planet",), "{e} is a moon of {planet}"),
    (("feature",), "{e} is a moon famous for {feature}"),
)
