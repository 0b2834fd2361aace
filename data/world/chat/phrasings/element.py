"""How chemical elements are asked about in conversations; see the package for the fields."""

ASKED = {
    "symbol": {
        "about": ("the chemical symbol of {e}", "the symbol for {e}", "the symbol of {e}"),
        "clauses": ("what the symbol for {e} is", "how chemists write {e}"),
        "blanks": ("the chemical symbol of {e} is", "the symbol for {e} is"),
        "next": ("its symbol", "the symbol"),
        "answers": ("the chemical symbol of {e} is {v}", "{v} is the chemical symbol of {e}"),
        "reverse_answers": ("{v} is the chemical symbol of {e}", "{e} has the symbol {v}"),
        "held_out": (
            "{e}: which symbol does it have?",
            "which letters do I write for {e} in a formula?",
            "I want to shorten the word {e} in chemistry. What is the symbol?",
            "under which symbol do I find {e} in the periodic table?",
        ),
    },
    "number": {
        "about": ("the atomic number of {e}", "the number of {e} in the periodic table"),
        "clauses": ("what the atomic number of {e} is", "which atomic number {e} has"),
        "blanks": ("the atomic number of {e} is", "{e} has the atomic number"),
        "next": ("its atomic number", "the atomic number"),
        "answers": ("the atomic number of {e} is {v}", "{v} is the atomic number of {e}"),
        "reverse_answers": ("element number {v} is {e}", "{e} has the atomic number {v}"),
        "held_out": (
            "{e}: which atomic number is that?",
            "how many protons are there in {e}?",
            "at which number does {e} stand in the table of elements?",
            "I forgot the atomic number of {e}. Can you help?",
        ),
    },
    "category": {
        "about": ("the family of {e}", "the group of elements that {e} belongs to"),
        "clauses": ("what kind of element {e} is", "which group of elements {e} belongs to"),
        "blanks": ("{e} is one of the", "{e} belongs to the group of elements called"),
        "next": ("its family", "its group of elements"),
        "answers": ("{e} is one of the {vs}", "{av} is what {e} is"),
        "blank_answer": "{vs}",
        "held_out": (
            "as a kind of element, what is {e}?",
            "{e}: which family of elements is it in?",
            "among which elements do chemists count {e}?",
            "which kind of element would you call {e}?",
        ),
    },
    "phase": {
        "about": ("the state of {e} at room temperature", "the form of {e} at room temperature"),
        "clauses": (
            "whether {e} is a solid, a liquid or a gas",
            "what {e} is at room temperature",
        ),
        "blanks": ("at room temperature {e} is a",),
        "next": ("its state at room temperature",),
        "answers": ("at room temperature {e} is a {v}", "a {v} is what {e} is at room temperature"),
        "blank_answer": "{v}",
        "held_out": (
            "solid, liquid or gas: what is {e} at room temperature?",
            "{e}: is it a solid, a liquid or a gas?",
            "if I keep {e} in an ordinary room, is it solid, liquid or a gas?",
            "would {e} be a gas, a liquid or a solid on a mild day?",
        ),
    },
    "use": {
        "about": ("a use of {e}", "one use of {e}", "a common use of {e}"),
        "clauses": ("what {e} is used for", "what people use {e} for"),
        "blanks": ("{e} is used for", "one use of {e} is", "people use {e} for"),
        "next": ("one of its uses", "a use of it"),
        "answers": ("{e} is used for {v}", "{v} is one use of {e}"),
        "held_out": (
            "{e}: what is it good for?",
            "what does industry use {e} for?",
            "why do we need {e}? Name one use.",
            "for which purpose do people use {e}?",
        ),
    },
    "namesake": {
        "about": ("the origin of the name {e}", "the namesake of {e}"),
        "clauses": ("what {e} is named after", "where the name of {e} comes from"),
        "blanks": ("{e} is named after", "the name of {e} comes from"),
        "next": ("the origin of its name",),
        "answers": ("{e} is named after {v}", "{v} gave {e} its name"),
        "held_out": (
            "{e}: what is behind the name?",
            "from what or from whom did {e} get its name?",
            "why is {e} called that? What is it named after?",
            "the name {e} goes back to what?",
        ),
    },
}
