"""How planets and moons are asked about in conversations; see the package for the fields."""

_FEATURE = {
    "about": ("the special thing about {e}",),
    "clauses": ("what {e} is known for", "what makes {e} special"),
    "blanks": ("{e} is known for", "{e} is famous for"),
    "next": ("the special thing about it",),
    "answers": ("{e} is known for {v}", "{v}: that is what {e} is known for"),
    "held_out": (
        "{e}: why is it famous?",
        "what do pictures of {e} show?",
        "which thing do people remember {e} for?",
        "what would I notice first about {e}?",
    ),
}

PLANET_ASKED = {
    "type": {
        "about": ("the type of planet that {e} is", "the kind of world that {e} is"),
        "clauses": ("what kind of planet {e} is", "which type of world {e} is"),
        "blanks": ("astronomers call {e}",),
        "next": ("its type of world",),
        "answers": ("{e} is {av}", "{av} is what {e} is"),
        "held_out": (
            "{e}: which kind of planet is it?",
            "as worlds go, what is {e}?",
            "among which kind of worlds do astronomers count {e}?",
            "how would you classify the world called {e}?",
        ),
    },
    "order": {
        "about": ("the place of {e} counted from the Sun", "the place of {e} among the planets"),
        "clauses": ("which planet from the Sun {e} is", "where {e} comes, counted from the Sun"),
        "blanks": ("counted from the Sun, {e} is the",),
        "next": ("its place counted from the Sun",),
        "answers": ("{e} is the {v} planet from the Sun", "the {v} planet from the Sun is {e}"),
        "reverse_answers": ("the {v} planet from the Sun is {e}", "{e} is the {v} planet"),
        "blank_answer": "{v} planet",
        "held_out": (
            "{e}: which place does it take from the Sun?",
            "if I list the planets from the Sun, where is {e}?",
            "is {e} the first, the second or which planet from the Sun?",
            "starting at the Sun, which planet is {e}?",
        ),
    },
    "year": {
        "about": ("the length of a year on {e}", "the time of one orbit of {e}"),
        "clauses": ("how long a year on {e} is", "how long {e} takes to circle the Sun"),
        "blanks": ("a year on {e} lasts about", "{e} goes around the Sun in about"),
        "next": ("the length of its year",),
        "answers": ("a year on {e} lasts about {v}", "about {v} is the length of a year on {e}"),
        "blank_answer": "{v}",
        "held_out": (
            "{e}: how long is its year?",
            "how much time does {e} need for one trip around the Sun?",
            "if I lived on {e}, how long would one year last?",
            "after what time has {e} gone around the Sun once?",
        ),
    },
    "namesake": {
        "about": ("the namesake of {e}", "the origin of the name {e}"),
        "clauses": ("who {e} is named after", "where the name {e} comes from"),
        "blanks": ("{e} is named after", "the name {e} comes from"),
        "next": ("the origin of its name",),
        "answers": ("{e} is named after {v}", "{v} gave {e} its name"),
        "held_out": (
            "{e}: who is behind the name?",
            "from whom did {e} get its name?",
            "why is {e} called that? Who is it named after?",
            "the name {e} goes back to whom?",
        ),
    },
    "feature": _FEATURE,
}

MOON_ASKED = {
    "planet": {
        "about": ("the world that {e} orbits", "the world that has {e} as a moon"),
        "clauses": ("which world {e} orbits", "what {e} goes around"),
        "blanks": ("{e} is a moon of", "{e} orbits"),
        "next": ("the world it orbits",),
        "answers": ("{e} is a moon of {v}", "{v} is the world that {e} orbits"),
        "held_out": (
            "{e}: whose moon is it?",
            "which world has a moon called {e}?",
            "from which world could I watch {e} in the sky as a moon?",
            "round which world does {e} travel?",
        ),
    },
    "discoverer": {
        "about": ("the discoverer of {e}", "the person who discovered {e}"),
        "clauses": ("who discovered {e}", "who found {e}"),
        "blanks": ("{e} was discovered by", "the discoverer of {e} was"),
        "next": ("its discoverer", "the person who discovered it"),
        "answers": ("{e} was discovered by {v}", "{v} discovered {e}"),
        "held_out": (
            "{e}: who was the first to find it?",
            "to whom do we owe the discovery of {e}?",
            "which person saw {e} first?",
            "who gets the credit for finding {e}?",
        ),
    },
    "year": {
        "about": ("the year of the discovery of {e}", "the year in which {e} was discovered"),
        "clauses": ("when {e} was discovered", "in which year {e} was found"),
        "blanks": ("{e} was discovered in", "{e} was found in the year"),
        "next": ("the year of its discovery",),
        "answers": ("{e} was discovered in {v}", "{v} is the year in which {e} was discovered"),
        "held_out": (
            "{e}: when did people find it?",
            "which year brought the discovery of {e}?",
            "how long has {e} been known? Name the year of its discovery.",
            "in what year did somebody first see {e}?",
        ),
    },
    "feature": _FEATURE,
}
