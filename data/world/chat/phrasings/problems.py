"""Word problems, as plain data: what is told, what is asked, and the steps to the answer.

A problem is (sentences, questions, steps). Sentences and questions have alternatives in brackets;
{n} and {m} are names, {p} is the pronoun of {n} and {P} the same with a capital, {things} what is
counted, {a} {b} {c} {d} the numbers. A step is an operation on two of the numbers or results of
steps before; the results are called x, y and z. A number that is multiplied with is one digit: {b}
in "a*b".
"""

# Problems that are a chain: a start, then two or three changes, then what is there in the end.
STARTS = (
    "{n} has {a} {things}.",
    "{n} starts with {a} {things}.",
    "There are {a} {things} in a box.",
    "There are {a} {things} on the table.",
    "A basket holds {a} {things}.",
    "{n} found {a} {things}.",
    "In the morning there are {a} {things} in the shop.",
    "A jar has {a} {things} in it.",
    "{n} brings {a} {things} to school.",
)
PRODUCT_STARTS = (
    "{n} has {b} bags with {a} {things} in each.",
    "There are {b} boxes with {a} {things} in each box.",
    "{n} buys {b} packs of {a} {things}.",
    "On {b} shelves there are {a} {things} each.",
    "{n} gets {a} {things} a day for {b} days.",
    "{b} children bring {a} {things} each.",
)
GAINS = (
    "{m} adds {k} more.",
    "Then {k} more are added.",
    "{m} brings {k} more.",
    "Later, {k} more come.",
    "After that, {m} puts {k} more there.",
    "{k} more are found.",
    "A friend gives {k} more.",
    "{m} buys {k} more and adds them.",
)
LOSSES = (
    "{m} takes {k} away.",
    "Then {k} are taken away.",
    "{m} uses {k} of them.",
    "Later, {k} are lost.",
    "After that, {k} are given away.",
    "{k} of them get lost.",
    "{m} sells {k} of them.",
    "{k} are given to a friend.",
)
CHAIN_QUESTIONS = (
    "How many {things} are there now?",
    "How many {things} are left in the end?",
    "How many {things} is that now?",
    "How many {things} are there in the end?",
    "What is the number of {things} now?",
)

# A chain of what one person does: (as it was, as it is) of every start and change.
PERSON_STARTS = (
    ("{n} had {a} {things}.", "{n} has {a} {things}."),
    ("In the morning {n} had {a} {things}.", "In the morning {n} has {a} {things}."),
    ("{n} owned {a} {things}.", "{n} owns {a} {things}."),
    ("{n} collected {a} {things}.", "{n} collects {a} {things}."),
    ("{n} began with {a} {things}.", "{n} begins with {a} {things}."),
    ("{n} got {a} {things} from {m}.", "{n} gets {a} {things} from {m}."),
)
PERSON_PRODUCT_STARTS = (
    ("{n} had {b} bags of {a} {things}.", "{n} has {b} bags of {a} {things}."),
    ("{n} bought {b} packs of {a} {things}.", "{n} buys {b} packs of {a} {things}."),
    ("{n} filled {b} boxes with {a} {things} each.", "{n} fills {b} boxes with {a} {things} each."),
    ("{n} found {a} {things} a day for {b} days.", "{n} finds {a} {things} a day for {b} days."),
)
PERSON_GAINS = (
    ("bought {k}", "buys {k}"),
    ("bought {k} more", "buys {k} more"),
    ("found {k} more", "finds {k} more"),
    ("got {k} from {m}", "gets {k} from {m}"),
    ("got another {k}", "gets another {k}"),
    ("received {k} as a gift", "receives {k} as a gift"),
    ("won {k}", "wins {k}"),
    ("added {k}", "adds {k}"),
)
PERSON_LOSSES = (
    ("gave away {k}", "gives away {k}"),
    ("gave {k} to {m}", "gives {k} to {m}"),
    ("gave {m} {k} of them", "gives {m} {k} of them"),
    ("lost {k}", "loses {k}"),
    ("sold {k}", "sells {k}"),
    ("sold {k} of them", "sells {k} of them"),
    ("used {k}", "uses {k}"),
    ("threw {k} away", "throws {k} away"),
)
# Of one change, of two, and of what follows.
PERSON_ONE = ("{P} {first}.", "Then {p} {first}.", "Later, {p} {first}.", "{n} {first}.")
PERSON_TWO = (
    "{P} {first} and then {second}.",
    "{P} {first} and {second}.",
    "{P} {first}, and later {p} {second}.",
    "First {p} {first}, then {p} {second}.",
    "{n} {first}. Then {p} {second}.",
    "{P} {first}. After that, {p} {second}.",
)
PERSON_THREE = ("In the end {p} {third}.", "Then {p} {third}.", "At last {n} {third}.")
PERSON_QUESTIONS = (
    "How many does {p} have now?",
    "How many {things} does {p} have now?",
    "How many {things} does {n} have now?",
    "How many {things} does {n} have in the end?",
    "How many {things} does {p} have left?",
    "How many does {n} have left?",
    "How many {things} are left?",
    "What is the number of {things} that {p} has now?",
)

# Other problems.
PROBLEMS = (
    (
        "{n} saves {a} coins a week for {b} weeks. Then {p} spends {c} coins.",
        ("How many coins does {p} have left?", "How many coins are left?"),
        ("a*b", "x-c"),
    ),
    (
        "A baker makes {b} trays of {a} rolls and sells {c} rolls.",
        ("How many rolls are left?", "How many rolls does the baker still have?"),
        ("a*b", "x-c"),
    ),
    (
        "A box holds {a} {things}. {n} has {b} full boxes and {c} single {things}.",
        ("How many {things} does {p} have?", "How many {things} is that in all?"),
        ("a*b", "x+c"),
    ),
    (
        "{n} is {a} years old. {m} is {b} years older.",
        ("How old are both together?", "How many years is that together?"),
        ("a+b", "a+x"),
    ),
    (
        "A school has {a} boys and {b} girls. Today {c} children are ill.",
        ("How many children are at school?", "How many children have come today?"),
        ("a+b", "x-c"),
    ),
    (
        "{n} needs {c} coins for a game. {P} has {a} coins and gets {b} from {m}.",
        ("How many coins are still missing?", "How many coins does {p} still need?"),
        ("a+b", "c-x"),
    ),
    (
        "A library [had|owned] {a} books. It bought {b} and gave {c} away.",
        ("How many books does it have now?", "How many books are there now?"),
        ("a+b", "x-c"),
    ),
    (
        "There are {a} birds in a tree. {b} fly away, and then {c} come.",
        ("How many birds are in the tree now?", "How many birds sit there now?"),
        ("a-b", "x+c"),
    ),
    (
        "A garden has {b} beds with {a} flowers each. {n} plants {c} more and picks {d}.",
        ("How many flowers are there now?", "How many flowers are left?"),
        ("a*b", "x+c", "y-d"),
    ),
    (
        "A shirt costs {a} coins, and a hat costs {b} coins. {n} pays with {c} coins.",
        ("How many coins does {p} get back?", "How much change does {n} get?"),
        ("a+b", "c-x"),
    ),
    (
        "{n} has {a} {things}. {m} has {b} more than {n}.",
        ("How many do they have together?", "How many {things} do the two have together?"),
        ("a+b", "a+x"),
    ),
    (
        "{n} has {a} {things}. {m} has {b} fewer than {n}.",
        ("How many do they have together?", "How many {things} do both have?"),
        ("a-b", "a+x"),
    ),
    (
        "{n} has {b} times as many {things} as {m}. {m} has {a}.",
        ("How many do they have together?", "How many {things} do the two have in all?"),
        ("a*b", "x+a"),
    ),
    (
        "A [pen|cup|ball] costs {a} coins. A [book|bag|lamp] costs {b} coins more.",
        ("How much do both cost together?", "What do the two cost?"),
        ("a+b", "a+x"),
    ),
    (
        "One ticket costs {a} coins. {n} buys {b} tickets and pays {c} coins for a snack.",
        ("How many coins is that in all?", "How much does {n} pay?"),
        ("a*b", "x+c"),
    ),
    (
        "{n} reads {a} pages a day for {b} days. Then [{n}|{p}] reads {c} more pages.",
        ("How many pages is that?", "How many pages has {p} read?"),
        ("a*b", "x+c"),
    ),
    (
        "A hall has {b} rows of {a} chairs. {c} chairs are taken.",
        ("How many chairs are free?", "How many chairs are not taken?"),
        ("a*b", "x-c"),
    ),
    (
        "A farmer has {b} fields with {a} sheep each. The farmer sells {c} sheep and buys {d}.",
        ("How many sheep are there now?", "How many sheep does the farmer have now?"),
        ("a*b", "x-c", "y+d"),
    ),
    (
        "{n} had {a} coins, earned {b} coins and spent {c} coins on a gift.",
        ("How many coins does {n} have now?", "How many coins are left?"),
        ("a+b", "x-c"),
    ),
    (
        "A bus has {a} people in it. At a stop {b} get off and {c} get on.",
        ("How many people are in the bus now?", "How many people ride on?"),
        ("a-b", "x+c"),
    ),
    (
        "A train has {a} people in it. {b} get on, then {c} get off, and then {d} get on.",
        ("How many people are in the train now?", "How many people ride on?"),
        ("a+b", "x-c", "y+d"),
    ),
    (
        "{n} ran {a} minutes on Monday and {b} minutes more on Tuesday.",
        ("How many minutes is that on both days?", "How long did {n} run in all?"),
        ("a+b", "a+x"),
    ),
    (
        "There are {a} red, {b} blue and {c} green {things}.",
        ("How many are there in all?", "How many {things} is that?"),
        ("a+b", "x+c"),
    ),
    (
        "There are {a} red, {b} blue and {c} green {things}. {n} takes {d}.",
        ("How many are left?", "How many {things} remain?"),
        ("a+b", "x+c", "y-d"),
    ),
    (
        "{n} has {a} {things}, {m} has {b}, and together they need {c}.",
        ("How many do they still need?", "How many are missing?"),
        ("a+b", "c-x"),
    ),
    (
        "One tower is {a} metres high. Another is {b} metres higher.",
        ("How high are both together?", "How many metres are the two together?"),
        ("a+b", "a+x"),
    ),
)
THINGS = (
    "apples marbles stickers shells cards beads nuts stamps pencils buttons coins eggs pears books "
    "cups balls stones flowers cookies tickets"
).split()
# Asks for the answer alone: in a system message, or after the question.
ANSWER_ONLY_SYSTEM = ("Answer only.", "Give only the answer.", "Answer without steps.")
ANSWER_ONLY = ("Answer only.", "Only the answer.", "Give only the answer.")
# Asks for the steps, likewise.
STEPS_SYSTEM = ("Work step by step.", "Show your steps.", "Think before you answer.")
STEPS = ("Work it out step by step.", "Show your steps.", "Think step by step.")
SUMS = {
    "+": ("what is {a} + {b}?", "{a} + {b}", "what is {a} plus {b}?", "add {a} and {b}."),
    "-": ("what is {a} - {b}?", "{a} - {b}", "what is {a} minus {b}?", "take {b} from {a}."),
    "*": ("what is {a} * {b}?", "{a} * {b}", "what is {a} times {b}?", "multiply {a} by {b}."),
}
# Of an expression {e} of two operations.
CHAINS = ("what is {e}?", "{e}", "work out {e}.", "how much is {e}?")
