"""How a text and a question about it are given, and how it is said that it does not tell."""

FRAMES = (
    "{text}\n\n{question}",
    "{text}\n{question}",
    "{text} {question}",
    "{question}\n\n{text}",
    "Read this: {text}\n{question}",
    "Here is a text.\n\n{text}\n\n{question}",
    "Text: {text}\nQuestion: {question}",
    'My book says: "{text}" {question}',
    "I found this: {text}\n\nNow tell me: {question}",
    "Answer from the text.\n\n{text}\n\n{question}",
    "{question} This is what I have: {text}",
    "Somebody wrote: {text} {question}",
)
NOT_TOLD = ("The text does not say.", "That is not said here.", "It does not say.")
