"""Sentences and names that several genres share. None of them states a fact of the tables.

In these templates "[this|that]" stands for one of its alternatives.
"""

GIRLS = (
    "Anna Mia Ella Clara Nora Lucy Grace Hannah Zoe Ruby Alice Maya Sara Julia Paula Lily Iris "
    "Leila Amina Priya Nina Freya Rosie Tessa Marta Elena Molly Ivy Sofie Daisy Ingrid Yuki"
).split()
BOYS = (
    "Tom Ben Max Leo Sam Jack Omar Felix Adam Noah Hugo Oscar Theo Ravi Luca Daniel Peter Finn "
    "Simon Ali Martin Jonas Erik Paul Arthur Kofi Mateo Emil Owen Toby Karl Nico"
).split()
TEACHERS = (
    "Mrs Carter",
    "Mr Lewis",
    "Miss Patel",
    "Mrs Brown",
    "Mr Novak",
    "Ms Green",
    "Mr Okoro",
    "Mrs Larsen",
    "Miss Hughes",
    "Mr Silva",
    "Mrs Ahmed",
    "Mr Fisher",
)
PLACES = (
    "Ashford Millbrook Greenhill Westbrook Larkfield Oakdale Stonebridge Fernley Brookside "
    "Maplewood Northgate Eastwick Rosehill Kingsmere Thornbury Willowby"
).split()

# What may stand before a statement, which follows as a clause.
LEADS = (
    "[as|just as] every [schoolbook|good atlas or handbook|reference book] [says|will tell you], ",
    "it is [well known|worth knowing|good to know|often said|easy to remember] that ",
    "[many|most|some] people [know|have heard|learn at school] that ",
    "it [may|might] [surprise|interest] [you|some readers|a few people] that ",
    "[remember|note|do not forget] that ",
    "one [more |]thing to [remember|keep in mind|write down] is that ",
    "[the books|reference works|teachers] [agree|tell us|say|explain] that ",
    "[in short|of course|in fact|as it happens|indeed|naturally], ",
    "the first thing [most people|many pupils|visitors] learn is that ",
    "[pupils|children|students] [soon|quickly|usually] learn that ",
    "[another|a further] [fact|point|detail] is that ",
    "[anyone|everyone] who has [read|looked] into the matter knows that ",
    "[ask anyone who knows|look it up|check any handbook], and you will find that ",
)
