"""How the facts about everyday things are put into words; see the package for the fields."""

STATEMENTS = {
    "category": (
        "{a} is {av}",
        "{a} can be described as {av}",
        "people think of {a} as {av}",
        "in the dictionary {a} is described as {av}",
        "what we call {a} is {av}",
        "{a} counts as {av}",
        "to a shopkeeper {a} is {av}",
        "most people would call {a} {av}",
        "in a catalogue {a} would be listed as {av}",
        "put simply, {a} is {av}",
        "{a} is a good example of {av}",
        "by its nature {a} is {av}",
    ),
    "material": (
        "{a} is usually made of {v}",
        "{a} is made of {v}",
        "the usual material for {a} is {v}",
        "{s} are usually made of {v}",
        "most {s} are made of {v}",
        "to make {a}, people use {v}",
        "factories make {s} out of {v}",
        "the usual choice of material for {a} is {v}",
        "what goes into {a} is {v}",
        "a typical example of {a} consists of {v}",
        "when you touch {a}, you usually touch {v}",
        "the makers of {s} work with {v}",
        "{a} normally consists of {v}",
    ),
    "use": (
        "{a} is used to {v}",
        "{s} are used to {v}",
        "people use {a} to {v}",
        "with {a} you can {v}",
        "the purpose of {a} is to {v}",
        "{a} helps people to {v}",
        "you need {a} to {v}",
        "to {v}, people use {a}",
        "{s} are made to {v}",
        "anyone who wants to {v} needs {a}",
        "{a} lets you {v}",
        "the job of {a} is to {v}",
        "for anyone who wants to {v}, {a} is the right thing",
        "{a} serves to {v}",
        "the point of having {a} is to {v}",
    ),
    "place": (
        "{a} is often found {v}",
        "you can find {a} {v}",
        "{s} are often found {v}",
        "the usual place for {a} is {v}",
        "people usually look for {a} {v}",
        "{a} usually has its place {v}",
        "if you look {v}, you may find {a}",
        "a likely place to find {a} is {v}",
        "{v} you will often see {a}",
        "one usually sees {a} {v}",
        "{a} belongs {v}",
        "a good place to look for {a} is {v}",
        "{v} is where {a} is usually found",
    ),
}

CONTINUATIONS = {
    "category": ("it is {av}", "most people would call it {av}", "it counts as {av}"),
    "material": (
        "it is usually made of {v}",
        "the usual material is {v}",
        "it normally consists of {v}",
    ),
    "use": (
        "it is used to {v}",
        "people use it to {v}",
        "its purpose is to {v}",
        "it helps people to {v}",
    ),
    "place": (
        "it is often found {v}",
        "you can usually find it {v}",
        "its usual place is {v}",
    ),
}

QUESTIONS = {
    "category": (
        "what is {a}?",
        "what kind of thing is {a}?",
        "how would you describe {a} in a few words?",
        "what sort of object is {a}?",
        "how does a dictionary describe {a}?",
    ),
    "material": (
        "what is {a} usually made of?",
        "what is {a} made of?",
        "what are {s} usually made of?",
        "which material is used for {a}?",
        "what material do people use to make {a}?",
    ),
    "use": (
        "what is {a} used for?",
        "what do people use {a} for?",
        "what can you do with {a}?",
        "what is the purpose of {a}?",
        "why would anyone need {a}?",
        "what are {s} used for?",
    ),
    "place": (
        "where is {a} often found?",
        "where can you find {a}?",
        "where would you look for {a}?",
        "where does {a} usually have its place?",
        "what is a likely place to find {a}?",
    ),
}

REVERSE_QUESTIONS = {}

SHORT_ANSWERS = {"category": "{av}", "use": "to {v}"}

OPENINGS = (
    (("category", "use"), "{a} is {category_a} that is used to {use}"),
    (("category", "use"), "{a} is {category_a} used to {use}"),
    (("category", "material"), "{a} is {category_a}, usually made of {material}"),
    (("material", "use"), "{a} is usually made of {material} and is used to {use}"),
    (("use", "place"), "{a} is used to {use} and is often found {place}"),
    (("category", "place"), "{a} is {category_a} that is often found {place}"),
    (
        ("category", "material", "use"),
        "{a} is {category_a} made of {material}, and people use it to {use}",
    ),
    (("category",), "{a} is {category_a}"),
    (("use",), "{a} is a thing that people use to {use}"),
)
