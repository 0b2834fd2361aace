"""How everyday things are asked about in conversations; see the package for the fields."""

ASKED = {
    "category": {
        "about": ("the kind of thing that {a} is", "the sort of object that {a} is"),
        "clauses": ("what {a} is", "what kind of thing {a} is"),
        "blanks": ("what kind of thing? {a} is",),
        "next": ("the kind of thing it is",),
        "answers": ("{a} is {av}", "{av} is what {a} is"),
        "held_out": (
            "{s}: what kind of things are they?",
            "explain in a few words what {a} is.",
            "how would a shopkeeper describe {a}?",
            "in a catalogue, what would {a} be listed as?",
        ),
    },
    "material": {
        "about": ("the usual material of {a}", "the material of {a}"),
        "clauses": ("what {a} is made of", "which material {s} are made of"),
        "blanks": ("{a} is usually made of", "{s} are made of"),
        "next": ("its material", "the usual material of it"),
        "answers": ("{a} is usually made of {v}", "{v}: that is what {s} are made of"),
        "held_out": (
            "{s}: what are they made of?",
            "if I touch {a}, which material do I feel?",
            "out of what do factories make {s}?",
            "what does {a} usually consist of?",
        ),
    },
    "use": {
        "about": ("the purpose of {a}", "the use of {a}"),
        "clauses": ("what {a} is used for", "what people do with {a}"),
        "blanks": ("{a} is used to", "people use {a} to"),
        "next": ("its purpose", "the use of it"),
        "answers": ("{a} is used to {v}", "to {v}: that is the use of {a}"),
        "blank_answer": "{v}",
        "held_out": (
            "{s}: what are they good for?",
            "why do people buy {s}?",
            "what is the job of {a}?",
            "when do I need {a}? What is it for?",
        ),
    },
    "place": {
        "about": ("the usual place of {a}", "a likely place for {a}"),
        "clauses": ("where {a} is often found", "where I can find {a}"),
        "blanks": ("{a} is often found", "the usual place for {a} is"),
        "next": ("its usual place",),
        "answers": ("{a} is often found {v}", "{v} is where you often find {a}"),
        "held_out": (
            "{s}: where are they usually kept?",
            "I am looking for {a}. Where should I look?",
            "where do I usually see {a}?",
            "where does {a} belong?",
        ),
    },
}
