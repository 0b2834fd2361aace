"""Products, sums and differences of numbers too large to do in one go: the Python tool's work."""

from dataclasses import dataclass

from data.world import english
from data.world.chat import tools
from data.world.chat.setting import Setting, assistant, user
from data.world.draw import Draw

_TOOL = 0.85  # how often the Python tool is offered
_HELD_OUT_FROM = 1000  # smaller numbers are too few to keep some from training


@dataclass(frozen=True)
class _Task:
    sign: str
    asked: tuple[str, ...]


_ANY = (
    "what is {a} {s} {b}?",
    "{a} {s} {b}",
    "{a} {s} {b} = ?",
    "compute {a} {s} {b}.",
    "how much is {a} {s} {b}?",
    "calculate {a} {s} {b}, please.",
    "I need the result of {a} {s} {b}.",
    "can you work out {a} {s} {b}?",
    "what does {a} {s} {b} give?",
    "please solve {a} {s} {b}.",
    "evaluate {a} {s} {b}.",
    "give me the value of {a} {s} {b}.",
    "find {a} {s} {b}.",
    "{a}{s}{b}",
    "tell me {a} {s} {b}.",
    "do you know {a} {s} {b}?",
    "work out {a} {s} {b} for me.",
    "what number is {a} {s} {b}?",
    "what is the answer to {a} {s} {b}?",
    "what do you get for {a} {s} {b}?",
    "what comes out of {a} {s} {b}?",
    "{a} {s} {b}, how much is that?",
    "{a} {s} {b} makes how much?",
    "I have to calculate {a} {s} {b} for school. What is the result?",
    "homework: {a} {s} {b}.",
)
TASKS = (
    _Task(
        "*",
        (
            *_ANY,
            "what is {a} times {b}?",
            "what is {a} x {b}?",
            "multiply {a} by {b}.",
            "please multiply {a} and {b}.",
            "what is the product of {a} and {b}?",
            "how much is {a} times {b}?",
            "{a} times {b}?",
            "what is {a} multiplied by {b}?",
            "what do {a} and {b} give when multiplied?",
            "take {a} and multiply it by {b}.",
            "which number is the product of {a} and {b}?",
            "{a} times {b} equals what?",
            "do the multiplication {a} times {b}.",
            "{a} multiplied by {b} is how much?",
            "can you multiply {a} and {b} for me?",
            "I wonder what {a} times {b} is.",
            "my calculator is broken. What is {a} times {b}?",
            "a farmer plants {a} rows of {b} trees. What number of trees does the field have?",
            "a lamp costs {a} coins. What do {b} lamps cost?",
            "a field is {a} metres long and {b} metres wide. What is its area in square metres?",
            "if I multiply {a} with {b}, what do I get?",
            "tell me what {a} times {b} makes.",
            "there are {a} boxes with {b} nails each. How many nails are that?",
            "find the product: {a} and {b}.",
            "what is the result of multiplying {a} by {b}?",
            "find {a} times {b}.",
            "work out {a} times {b}.",
            "what does {a} times {b} come to?",
            "how much is {a} multiplied by {b}?",
            "calculate {a} multiplied by {b}.",
            "{a} x {b} = ?",
            "multiply the numbers {a} and {b}.",
            "give me the product of {a} and {b}.",
            "compute the product of {a} and {b}.",
            "the product of {a} and {b} is what?",
            "if {a} is multiplied by {b}, what is the result?",
            "how much do {a} and {b} make when multiplied together?",
            "could you tell me what {a} multiplied by {b} is?",
            "I must multiply {a} and {b}. What do I get?",
            "{a} taken {b} times makes what?",
            "there are {a} boxes and {b} pencils in each box. How many pencils are there?",
            "a book has {a} pages with {b} words on each. How many words does it have?",
            "a theatre has {a} rows of {b} seats. How many seats is that?",
            "a truck carries {a} bricks. How many bricks do {b} trucks carry?",
            "a ticket costs {a} coins. How much must I pay for {b} tickets?",
            "a machine makes {a} screws an hour. How many does it make in {b} hours?",
            "we sold {a} bags at {b} coins each. How many coins did we take in?",
            "a library has {a} shelves, and each holds {b} books. How many books fit?",
            "a wall is {a} bricks wide and {b} bricks high. How many bricks are in it?",
            "{a} workers lay {b} tiles each. How many tiles are laid?",
            "a bakery bakes {a} loaves a day. How many loaves does it bake in {b} days?",
            "each of {a} children picks {b} apples. How many apples do they pick?",
            "a sack weighs {a} grams. How many grams do {b} sacks weigh?",
            "I save {a} coins every week. How many coins do I save in {b} weeks?",
            "a sheet has {a} rows with {b} stamps in a row. How many stamps are on it?",
            "a train has {a} carriages with {b} seats apiece. How many people can sit?",
            "a floor is {a} tiles long and {b} tiles wide. How many tiles cover it?",
            "{a} crates hold {b} oranges each. What is the number of oranges?",
            "what is the product: {a} and {b}?",
            "compute the product: {a}, {b}.",
            "product of {a} and {b}?",
            "the product of {a} and {b}, please.",
            "the numbers are {a} and {b}. Find their product.",
            "two numbers, {a} and {b}: what is their product?",
            "find the product of {a} and {b}.",
            "work out the product of {a} and {b}.",
            "can you find the product of {a} and {b}?",
            "multiply: {a} and {b}.",
            "multiply {a} with {b}.",
            "{a} and {b} multiplied: what is it?",
            "what do I get when I multiply {a} by {b}?",
            "{a} times as much as {b} is how much?",
            "{b} lots of {a} make what?",
            "what are {b} times {a}?",
            "a bag weighs {a} grams. What do {b} bags weigh?",
            "one brick weighs {a} grams. How many grams do {b} bricks weigh?",
            "a parcel weighs {a} grams. What is the weight of {b} parcels in grams?",
            "each barrel weighs {a} kilograms. How heavy are {b} barrels?",
            "one crate weighs {a} pounds. How many pounds do {b} of them weigh?",
            "a stone of {a} kilograms is one of {b}. How much do they all weigh?",
            "a sack holds {a} beans. How many beans do {b} sacks hold?",
            "a ship carries {a} barrels. How many barrels do {b} ships carry?",
            "a bus takes {a} people. How many people do {b} buses take?",
            "a cart brings {a} potatoes. How many potatoes do {b} carts bring?",
            "one tree bears {a} cherries. How many cherries do {b} trees bear?",
            "a hen lays {a} eggs. How many eggs do {b} hens lay?",
            "a spider has {a} threads. How many threads do {b} spiders have?",
            "a rope is {a} inches long. How many inches are {b} ropes?",
            "a step is {a} millimetres high. How high are {b} steps?",
            "a lap is {a} metres. How many metres are {b} laps?",
            "a bottle holds {a} drops. How many drops do {b} bottles hold?",
            "a chair costs {a} coins. How much do {b} chairs cost?",
            "one stamp costs {a} cents. How many cents do {b} stamps cost?",
            "a worker earns {a} coins a month. How many coins are that in {b} months?",
            "a clock ticks {a} times an hour. How often does it tick in {b} hours?",
            "a mill grinds {a} grams a minute. How many grams does it grind in {b} minutes?",
            "a pump moves {a} litres a day. How many litres does it move in {b} days?",
            "a word takes {a} bits. How many bits do {b} words take?",
            "a page has {a} letters. How many letters are on {b} pages?",
            "each of {a} teams has {b} players. How many players is that?",
            "each of {a} drawers holds {b} buttons. How many buttons are there?",
            "{a} bags hold {b} marbles each. How many marbles are there?",
            "in each of {a} towns live {b} people. How many people is that?",
            "a square has {a} rows and {b} columns. How many fields does it have?",
            "a carpet is {a} threads wide and {b} threads long. How many crossings has it?",
            "a roof has {a} rows of {b} tiles. How many tiles are on it?",
            "we bought {b} ladders for {a} coins each. How much did we pay?",
            "she reads {a} words a day. How many words does she read in {b} days?",
            "{a} houses have {b} people each. How many people live in them?",
            "in every one of {a} villages there are {b} people. How many people are there in all?",
            "a boat takes {a} people across. How many people do {b} boats take?",
            "a tram takes {a} passengers. How many passengers do {b} trams take?",
            "one lift takes {a} kilograms. What do {b} lifts take?",
            "a hall seats {a} people. How many people do {b} halls seat?",
            "each of {a} trains takes {b} people. How many people can travel?",
            "{a} schools have {b} pupils each. How many pupils is that?",
            "in each of {a} nests lie {b} eggs. How many eggs is that?",
            "in each of {a} ponds swim {b} fish. How many fish are there?",
            "on each of {a} farms live {b} hens. How many hens is that?",
            "on every page stand {a} words. How many words stand on {b} pages?",
            "in every street live {a} people. How many people live in {b} such streets?",
            "a plane brings {a} people. How many people do {b} such planes bring?",
            "a cinema lets in {a} people an evening. How many people is that in {b} evenings?",
            "a nurse sees {a} people a year. How many people does she see in {b} years?",
            "every day {a} people cross the bridge. How many people cross it in {b} days?",
            "a bus makes {a} trips with {b} people each time. How many people ride in it?",
            "each month {a} letters come. How many letters come in {b} months?",
            "one coat costs {a} coins. How many coins do {b} coats cost?",
            "for {a} coins a metre I buy {b} metres of cloth. How many coins do I pay?",
            "a driver earns {a} coins a trip. What does he earn with {b} trips?",
            "a nail weighs {a} milligrams. What is the weight of {b} nails?",
            "a van carries {a} parcels. How many parcels fit into {b} vans?",
            "a jar holds {a} peas. How many peas are in {b} full jars?",
            "a mat is {a} threads long and {b} threads wide. How many crossings are there?",
            "a board has {a} rows with {b} squares. How many squares has it got?",
            "{b} times {a} people is how many people?",
            "work out {a} multiplied by {b} for me.",
            "what do you get for {a} times {b}?",
        ),
    ),
    _Task(
        "+",
        (
            *_ANY,
            "what is {a} plus {b}?",
            "add {a} and {b}.",
            "what is the sum of {a} and {b}?",
            "how much is {a} and {b} together?",
            "{a} plus {b}?",
            "what is {a} added to {b}?",
            "add up {a} and {b}.",
            "put {a} and {b} together. What is the total?",
            "what is the total of {a} and {b}?",
            "which number is the sum of {a} and {b}?",
            "{a} plus {b} equals what?",
            "what comes out when {a} and {b} are added?",
            "can you sum {a} and {b} for me?",
            "I wonder what {a} plus {b} is.",
            "increase {a} by {b}.",
            "my calculator is broken. What is {a} plus {b}?",
            "a town of {a} people gets {b} new ones. How many live there now?",
            "a counter stands at {a} and goes up by {b}. What does it show?",
            "if I add {b} to {a}, what do I get?",
            "tell me what {a} plus {b} makes.",
            "find the sum: {a} and {b}.",
            "what do {a} and {b} come to?",
            "what do {a} and {b} make together?",
            "what do you get if you add {a} and {b}?",
            "what is the result of adding {a} and {b}?",
            "find {a} plus {b}.",
            "work out {a} plus {b}.",
            "what does {a} plus {b} come to?",
            "do the addition {a} plus {b}.",
            "calculate the sum of {a} and {b}.",
            "find the total of {a} and {b}.",
            "sum up {a} and {b}.",
            "give me {a} plus {b}.",
            "count {a} and {b} together.",
            "raise {a} by {b}.",
            "{a} and {b} make how much?",
            "which number is greater than {a} by {b}?",
            "if {a} grows by {b}, what is it then?",
            "start at {a} and count on by {b}. Where do you end?",
            "a box holds {a} nails and a tin holds {b}. How many nails is that together?",
            "I had {a} coins and was given {b} more. How many do I have now?",
            "a shelf has {a} old books and {b} new ones. How many books stand on it?",
            "{a} people came on Saturday and {b} on Sunday. How many came in all?",
            "the first book has {a} pages and the second has {b}. How many pages have both?",
            "a truck brings {a} bricks, and another brings {b}. How many bricks have come?",
            "we sold {a} tickets yesterday and {b} today. How many did we sell?",
            "there are {a} red tiles and {b} blue tiles. How many tiles are there?",
            "a farm has {a} hens and {b} ducks. How many birds is that?",
            "the keeper of a lake with {a} fish puts in {b} more. How many fish swim there now?",
            "the stadium has {a} seats, and {b} are being added. How many seats will it have?",
            "a car costs {a} coins and its repair {b} coins. What is the whole cost?",
            "a walker goes {a} steps before lunch and {b} after it. How many steps is that?",
            "a mill ground {a} sacks in spring and {b} in autumn. How many sacks is that?",
            "a museum owns {a} paintings and buys {b} more. How many does it own now?",
            "{a} letters are in the bag and {b} on the table. How many letters are there?",
            "{a} people live in one town and {b} in the next. How many people is that?",
            "one bus took {a} people, the other {b}. How many people did they take?",
            "one boat takes {a} people and another {b}. How many people do both take?",
            "in the first nest lie {a} eggs, in the second {b}. How many eggs is that?",
            "one school has {a} pupils and one has {b}. How many pupils have the two?",
            "one sack weighs {a} grams and the other {b}. What do the two weigh?",
            "a coat costs {a} coins and a hat {b}. How many coins do both cost?",
            "a rope of {a} inches is tied to one of {b}. How long are they together?",
            "this month {a} letters came, last month {b}. How many came in both months?",
            "a worker earned {a} coins in May and {b} in June. How much was that?",
            "one van carries {a} parcels and the other carries {b}. How many parcels is that?",
            "a village of {a} people and a village of {b} join. How many people live there now?",
        ),
    ),
    _Task(
        "-",
        (
            *_ANY,
            "what is {a} minus {b}?",
            "subtract {b} from {a}.",
            "take {b} away from {a}.",
            "how much is {a} less {b}?",
            "{a} minus {b}?",
            "what is {a} reduced by {b}?",
            "decrease {a} by {b}.",
            "deduct {b} from {a}.",
            "{a} minus {b} equals what?",
            "what remains of {a} after {b} is subtracted?",
            "which number must be added to {b} to reach {a}?",
            "by how much does {a} exceed {b}?",
            "can you subtract {b} from {a} for me?",
            "I wonder what {a} minus {b} is.",
            "do the subtraction {a} minus {b}.",
            "my calculator is broken. What is {a} minus {b}?",
            "a shop had {a} eggs and sold {b}. How many remain?",
            "a counter stands at {a} and goes down by {b}. What does it show?",
            "if I take {b} from {a}, what is left?",
            "tell me what {a} minus {b} makes.",
            "how much larger is {a} than {b}?",
            "find the difference: {a} and {b}.",
            "what is the difference between {a} and {b}?",
            "what do you get if you subtract {b} from {a}?",
            "what is the result of taking {b} from {a}?",
            "find {a} minus {b}.",
            "work out {a} minus {b}.",
            "give me {a} minus {b}.",
            "what does {a} minus {b} come to?",
            "calculate {a} less {b}.",
            "lower {a} by {b}.",
            "which number is {b} less than {a}?",
            "how much smaller is {b} than {a}?",
            "what must I take from {a} to get {b}?",
            "how far is it from {b} to {a}?",
            "from {a}, take {b}. What remains?",
            "remove {b} from {a}. How much is left?",
            "how much is left of {a} when {b} is taken off?",
            "if {a} shrinks by {b}, what is it then?",
            "start at {a} and count back by {b}. Where do you end?",
            "a box held {a} nails, and {b} were used. How many are left?",
            "I had {a} coins and spent {b}. How many coins do I have now?",
            "a book has {a} pages, and I have read {b}. How many pages are still to read?",
            "of {a} seats in the hall, {b} are taken. How many are free?",
            "a truck sets out with {a} bricks and loses {b} on the way. How many arrive?",
            "there were {a} tickets, and {b} have been sold. How many tickets can still be bought?",
            "a tank holds {a} litres of water. After {b} litres leak out, how much is left?",
            "a library had {a} books and gave away {b}. How many did it keep?",
            "{a} birds sat on the lake and {b} flew off. How many stayed?",
            "a town had {a} people, and {b} moved away. How many still live there?",
            "a farmer has {a} sheep and sells {b} of them. How many sheep remain?",
            "my bill is {b} coins, and I pay with {a}. What change do I get?",
            "a road of {a} metres is planned, and {b} metres are built. How much is missing?",
            "a tower needs {a} bricks, and we have {b}. How many more do we need?",
            "{a} parcels were posted, but {b} got lost. How many were delivered?",
            "a bakery baked {a} loaves and sold {b} by noon. How many loaves were not sold?",
        ),
    ),
)
_TOTALS = (0.6, 0.85, 1.0)


def _number(draw: Draw, setting: Setting, digits: int, held_out: bool) -> int:
    while True:
        number = draw.integer(10 ** (digits - 1), 10**digits - 1)
        kept = number >= _HELD_OUT_FROM and setting.held_out(f"number/{number}")
        if kept == held_out:
            return number


def result(sign: str, a: int, b: int) -> int:
    """a * b, a + b or a - b."""
    return {"*": a * b, "+": a + b, "-": a - b}[sign]


def conversation(draw: Draw, setting: Setting) -> dict:
    """A product, sum or difference; where the Python tool is offered, it is called."""
    task = TASKS[draw.index(_TOTALS)]
    offered = draw.chance(_TOOL)
    longest = 5 if task.sign == "*" else 7
    # Without the tool, sums of small numbers are worked out in steps: see problems.
    while True:
        a = _number(draw, setting, draw.integer(2 if offered else 4, longest), held_out=False)
        b = _number(draw, setting, draw.integer(2, longest), held_out=False)
        # The same numbers may be a problem to work out: see problems.Problem.key.
        if not setting.held_out(f"problem/{min(a, b)} {max(a, b)}"):
            break
    if task.sign == "-" and a < b:
        a, b = b, a
    text = draw.pick(setting.wordings(task.asked)).format(a=a, b=b, s=task.sign)
    value = str(result(task.sign, a, b))
    messages = [user(english.capitalized(text))]
    answer = assistant(f"The result is {value}.")
    if offered:
        messages += tools.python(f"{a}{task.sign}{b}", value)
        return {"messages": [*messages, answer], "tools": tools.with_python(draw)}
    return {"messages": [*messages, answer]}


def questions(setting: Setting, kind: str, offered: bool) -> list[dict]:
    """Products of two held-out numbers of four digits, in held-out phrasings.

    ``offered``: whether the Python tool is.
    """
    asked = setting.wordings(TASKS[0].asked, held_out=True)
    found = []
    for i in range(setting.options["questions"]):
        draw = Draw(f"{setting.seed}/products/{i}")
        a, b = (_number(draw, setting, 4, held_out=True) for _ in range(2))
        text = draw.pick(asked).format(a=a, b=b, s=TASKS[0].sign)
        question = {
            "id": f"{kind}/{i}",
            "kind": kind,
            "messages": [user(english.capitalized(text))],
            "answer": str(a * b),
            "grader": "number",
        }
        found.append(question | ({"tools": [tools.PYTHON]} if offered else {}))
    return found
