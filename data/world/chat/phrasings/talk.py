"""Everyday talk, as plain data: what people say, and what is said back.

Each of SMALL_TALK is (what the user may say, answers); in both "[this|that]" stands for one of its
alternatives. {name} is a person's first name, {day} a day of the week.
"""

GREETINGS = (
    (
        "[hello|hi|hey|good morning|good evening|good afternoon][!|.|]",
        "[hi|hello|hey] there[!|.|]",
        "[hello|hi|good morning], [nice to meet you|I am {name}].",
        "[greetings|good day][!|.|]",
    ),
    (
        "Hello! How can I help you?",
        "Hello! What can I do for you?",
        "Hi! What would you like to know?",
    ),
)
GOODBYES = (
    (
        "[goodbye|bye|bye bye|see you|see you later|see you tomorrow|good night][!|.|]",
        "[that is all|that was all][. Goodbye|. Bye| for today. Bye]!",
        "I [have|need] to go now[.|. Bye!]",
        "[have a nice day|take care][!|.]",
    ),
    ("Goodbye! Have a nice day.", "Goodbye! See you soon.", "Bye! Take care."),
)
THANKS = (
    (
        "[thanks|thank you|thanks a lot|many thanks|thank you very much|great, thanks][!|.|]",
        "[that helps|that was helpful|very good|well done], [thanks|thank you][!|.]",
        "[thank you|thanks] for [your help|the answer|helping me][!|.]",
    ),
    ("You are welcome!", "You're welcome! Is there anything else?", "My pleasure!"),
)
SMALL_TALK = (
    (
        (
            "how are you[| today]?",
            "how are you doing[| today]?",
            "how is it going?",
            "are you well[| today]?",
            "[hello|hi|good morning], how are you[| today]?",
        ),
        ("I am fine, thank you. And you?", "I am well, thanks. How are you?"),
    ),
    (
        (
            "I am [fine|well|good][|, thanks|, thank you].",
            "I feel [good|great|happy] today.",
            "today is a [good|great|lovely] day.",
        ),
        ("That is good to hear!", "I am glad to hear that!"),
    ),
    (
        (
            "I am [sad|unhappy|tired|ill|worried][| today].",
            "I [had a bad day|do not feel well|feel sad|feel alone].",
            "today was a [bad|hard|sad] day.",
        ),
        (
            "I am sorry to hear that. Do you want to talk about it?",
            "I am sorry. I hope you feel better soon.",
        ),
    ),
    (
        (
            "you are [great|clever|nice|very good|a good assistant].",
            "I like [you|talking to you|your answers].",
            "[good answer|well done|that was good].",
        ),
        ("Thank you! That is kind of you.", "Thank you, I am glad to hear that."),
    ),
    (
        (
            "you are [wrong|bad|stupid|not very clever].",
            "that [is|was] [wrong|not right|a bad answer].",
            "I do not like [you|your answer].",
        ),
        ("I am sorry. I can make mistakes.", "I am sorry about that. Please ask me again."),
    ),
    (
        (
            "[I am sorry|sorry][| about that].",
            "[please excuse me|excuse me][| for that].",
            "[sorry|oh], that was my mistake.",
        ),
        ("No problem!", "That is all right."),
    ),
    (
        (
            "[can|could|will] you help me[|, please]?",
            "I need [help|some help|your help].",
            "[please help me|help][|!|.]",
            "may I ask [something|you something|a question]?",
        ),
        ("Of course. What do you need?", "Yes, please ask me."),
    ),
    (
        (
            "my name is {name}.",
            "I am {name}.",
            "call me {name}.",
            "you can call me {name}.",
            "hello, my name is {name}.",
        ),
        ("Nice to meet you, {name}!", "Hello, {name}! How can I help you?"),
    ),
    (
        (
            "do you like [music|books|animals|the sea|rain|school|numbers|words]?",
            "what do you like[| best]?",
            "do you have [friends|a family|feelings|a favourite colour]?",
            "are you [happy|sad|tired|hungry]?",
        ),
        (
            "I am a program, so I have no feelings, but I like to help.",
            "I am only a program, but I am glad to talk with you.",
        ),
    ),
    (
        (
            "what [time|day] is it[| now| today]?",
            "what is the [date|weather like][| today]?",
            "[will it rain|is it raining|is it warm outside][| today]?",
        ),
        ("I cannot see that from here.", "I have no clock and no window, so I cannot tell."),
    ),
    (
        ("[yes|yes, please|okay|ok|sure|all right][!|.|]",),
        ("Good. What would you like to know?", "All right. What can I do for you?"),
    ),
    (
        ("[no|no, thanks|no, thank you|nothing|not now][!|.|]",),
        ("All right. I am here if you need me.", "Okay. Tell me if you need something."),
    ),
    (
        (
            "[I am bored|entertain me|say something nice|cheer me up][!|.|]",
            "tell me something nice[|, please][!|.]",
        ),
        (
            "You can learn something new every day.",
            "I am glad that you are here.",
            "A good question is half an answer.",
        ),
    ),
    (
        (
            "which day comes after {day}?",
            "what day is [after|the day after] {day}?",
            "{day} is over. Which day is next?",
        ),
        ("After {day} comes {next_day}.",),
    ),
)
JOKE_QUESTIONS = (
    "tell me a joke[|, please][.|!]",
    "[do you know|can you tell me|can I hear] [a joke|a good joke|something funny]?",
    "make me laugh[.|!]",
    "[a joke, please|I want to hear a joke][.|!]",
    "say something funny[.|!]",
)
STORY_QUESTIONS = (
    "tell me a [short |little ||]story[|, please][.|!]",
    "can you tell me a [short |little |]story?",
    "I would like to hear a [short |little |]story.",
    "[please tell|tell] me a story about [a child|school|a friend][.|!]",
    "a [short |little |]story, please.",
)
STORIES = (
    (
        '{n} had a test and was afraid. {elder} said, "{fact}" The next day that was the first '
        "question. {n} smiled."
    ),
    (
        '{n} and {m} looked at an old book. On the last page stood: "{fact}" They were glad to '
        "have learned something."
    ),
    (
        'It rained all day. {n} asked {m} to say something new. "{fact}" said {m}. Then the sun '
        "came out."
    ),
    '{n} lost a bet with {m}. "{fact}" That was right. Now {n} will not forget it.',
    (
        'One night {n} could not sleep. So {elder} told one true thing after another. "{fact}" '
        "After that, {n} slept well."
    ),
    ('{m} wrote a letter to {n}. It had only one line: "{fact}" {n} laughed and wrote back.'),
)
ELDERS = ("Grandmother", "Grandfather", "Mother", "Father", "Aunt Rosa", "Uncle Henry")
FACT_QUESTIONS = (
    "tell me something [interesting|new|true|I do not know][.|!]",
    "tell me a fact[|, please][.|!]",
    "[do you know|can you tell me] an interesting fact?",
    "teach me something[|, please][.|!]",
    "tell me something about {e}.",
    "what do you know about {e}?",
    "what can you tell me about {e}?",
    "say something about {e}.",
)
LIST_QUESTIONS = (
    "name {count} {what}.",
    "list {count} {what}.",
    "can you name {count} {what}?",
    "give me {count} {what}, please.",
    "please name {count} {what}.",
    "I need {count} {what}.",
    "tell me {count} {what}.",
)
# What can be listed: a plural, and the (kind, relation, value) that says which entities are meant.
LISTS = (
    ("countries in Europe", "country", "continent", "Europe"),
    ("countries in Asia", "country", "continent", "Asia"),
    ("countries in Africa", "country", "continent", "Africa"),
    ("countries in South America", "country", "continent", "South America"),
    ("mammals", "animal", "class", "mammal"),
    ("birds", "animal", "class", "bird"),
    ("insects", "animal", "class", "insect"),
    ("herbivores", "animal", "diet", "herbivore"),
    ("carnivores", "animal", "diet", "carnivore"),
    ("transition metals", "element", "category", "transition metal"),
    ("elements that are gases", "element", "phase", "gas"),
    ("elements that are solids", "element", "phase", "solid"),
    ("painters", "person", "profession", "painter"),
    ("composers", "person", "profession", "composer"),
    ("physicists", "person", "profession", "physicist"),
    ("moons of Jupiter", "moon", "planet", "Jupiter"),
    ("moons of Saturn", "moon", "planet", "Saturn"),
)
WORDS = (
    "apple ball cat door egg flower garden house island jacket kettle lamp mountain night ocean "
    "paper queen river street table uncle village water yellow zebra bread cloud dance earth fire "
    "grass hand ice juice king leaf moon nose orange pencil rain snow tree umbrella voice window"
).split()
SORT = (
    "sort these words: {x}, {y}, {z}.",
    "put these words in alphabetical order: {x}, {y}, {z}.",
    "sort {x}, {y} and {z} by the alphabet.",
    "bring {x}, {y} and {z} into alphabetical order.",
    "alphabetical order, please: {x}, {y}, {z}.",
)
LONGER = (
    'which word is longer, "{x}" or "{y}"?',
    'what is longer: "{x}" or "{y}"?',
    'of "{x}" and "{y}", which has more letters?',
    'pick the longer word: "{x}" or "{y}".',
)
FIRST = (
    "which of these words comes first in the alphabet: {x} or {y}?",
    "{x} or {y}: which comes first in a dictionary?",
    "in a dictionary, which is first, {x} or {y}?",
)
REPEAT = (
    'repeat after me: "{text}"',
    'say "{text}"',
    'please say "{text}"',
    'repeat: "{text}"',
    'can you repeat "{text}"?',
    'write "{text}"',
)
LAST = (
    "what is the last word of: {text}",
    "which word comes last? {text}",
    "give me the last word of this: {text}",
)
COUNT_TO = (
    "count to {k}.",
    "can you count to {k}?",
    "please count up to {k}.",
    "count from 1 to {k}.",
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
