"""What stands around jokes and stories, as plain data: requests, openers, what is no joke at all.

Fields are those of data.world.jokes.premises, with {form}, "joke" or "story".
"""

# What may stand before, in the middle of a story, and after, and neither adds nor takes away.
OPENERS = {
    "joke": ("here is one.", "listen to this.", "this one is good.", "I know one."),
    "story": ("this is a true story.", "it happened last year.", "listen to this."),
}
MIDDLES = (
    "nobody knew what to do.",
    "all of the neighbours talked about it.",
    "the whole village came to look.",
    "it took a long time.",
)
TAILS = {
    "joke": ("ha ha!", "get it?", "that was a good one!", "I love it!"),
    "story": ("the end!", "what a day!", "that was a good one!"),
}
# Endings that fit everything and close nothing.
DULL = (
    "it just happened.",
    "nobody knows.",
    "I do not remember the end.",
    "that is all.",
    "it was like that.",
    "there was no reason.",
)
# Sentences that are no part of any joke.
PLAIN = (
    "it was a nice day.",
    "many people walked by.",
    "the weather was neither warm nor cold.",
    "there was a house, and there was a tree.",
    "the day went on.",
    "then it was evening.",
    "some people like that and some people do not.",
)
ABOUT = {
    "animal": ("{a} is an animal.", "{the} eats {food}.", "{the} has {covering}."),
    "thing": ("{a} is a thing.", "you can {use} with {a}.", "{the} is {place}."),
    "person": ("{the} was a {profession}.", "many people know {the}."),
}
EXCUSES = (
    "I do not know a {form} about {a}.",
    "sorry, I cannot think of a {form}.",
)
# Ways to ask; {form} is "joke" or "story".
REQUESTS = (
    "tell me a {form} about {a}.",
    "tell me a short {form} about {a}.",
    "please tell me a {form} about {a}.",
    "can you tell me a {form} about {a}?",
    "do you know a {form} about {a}?",
    "I would like to hear a {form} about {a}.",
)
