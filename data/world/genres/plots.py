"""The plots of the stories: a title, beats in several wordings, and an ending.

Fields: {n} the child, {m} a friend, {he} {him} {his} the child's pronouns, {he2} the friend's,
{elder} an older person and {elder_he}, {teacher}, {place}. Talk about facts is put in after any
beat but the first.
"""

PLOTS = (
    (
        "[The storm|The night without light|When the lights went out]",
        (
            (
                (
                    "[One evening|Late one evening] in {place}, [a storm|strong wind] "
                    "[rattled|shook] the house where {n} lived. [Suddenly|With a click], the "
                    "lights went out."
                ),
                (
                    "The storm came [over the hills|from the west] [just after supper|when {n} was "
                    "about to go to bed], and [a moment later|before long] the whole "
                    "[street|village of {place}] was dark."
                ),
                (
                    "{n} was [reading|drawing|doing homework] when the lights [flickered|blinked] "
                    "and died. Outside, [thunder rolled|the wind howled|rain beat down on the "
                    "roofs of {place}]."
                ),
            ),
            (
                (
                    "{elder} [lit a fire|found some matches], and {m}, who had [come to "
                    "visit|stayed for the night], [pulled a blanket close|sat down on the rug]."
                ),
                (
                    "{m} from next door [ran over|came knocking], wet to the skin. {elder} [made "
                    "cocoa on the gas stove|brought dry socks], and they all sat [close "
                    "together|in a circle]."
                ),
            ),
            (
                (
                    '"[What shall we do now|How shall we pass the time]?" asked {m}. "[Talk|We '
                    'talk]," said {elder}. "[That is what people did|It costs nothing and needs no '
                    'electricity]."'
                ),
                (
                    "[Without|With no] games to play and no music to hear, they [began to "
                    "trade|started telling each other] [strange and true things|everything they "
                    "knew]."
                ),
            ),
            (
                "The [thunder|wind] [moved on|grew quieter], but nobody [noticed|paid attention].",
                (
                    "[Hours|A good hour] went by, and {n} [forgot to be afraid|no longer thought "
                    "of the storm]."
                ),
            ),
        ),
        (
            (
                "[When|As] the lights came back, {n} was [almost|a little] sorry. [{m} yawned and "
                "went home|They all laughed, and {elder} put out the fire]."
            ),
            (
                "[At last|Around midnight] the lights came on again. {n} [fell asleep with a "
                "smile|wrote everything down before going to bed]."
            ),
            (
                '"[Let us switch them off again|I hope the next storm comes soon]," said {m} when '
                "the lights returned. {elder} [laughed|only smiled]."
            ),
        ),
    ),
    (
        "[The prize|The great quiz|{n} and the quiz|The contest at {place}]",
        (
            (
                (
                    "[Every spring|Once a year] the school in {place} held a [quiz|contest], and "
                    "[this time|this year] {n} [was chosen|had been picked] to [take part|stand on "
                    "the stage]."
                ),
                (
                    "{n} had never [won anything|stood on a stage], not even [at the summer fair|a "
                    "sack race]. [Yet|But] here {he} was, in the final of the {place} quiz."
                ),
                (
                    "{teacher} needed [one more pupil|somebody brave] for the [quiz|contest] team, "
                    "and {n} [raised a hand|said yes] [before thinking|without knowing why]."
                ),
            ),
            (
                (
                    "{m} [offered to help|was on the team too], and [every afternoon|after school] "
                    "the two of them [sat in the library|studied in the kitchen], with {elder} [as "
                    "their coach|looking over their shoulders]."
                ),
                (
                    "{elder} and {m} [practised|trained] with {him} [all week|day after day], [on "
                    "the way to school|between meals|even on Sunday]."
                ),
            ),
            (
                (
                    "[The hall was full|All the chairs were taken]. {n} felt [cold hands and warm "
                    "ears|a knot in {his} stomach] when {teacher} [tapped the microphone|opened "
                    "the first envelope]."
                ),
                (
                    "[On the big day|When the day came], {n} [could hardly eat|was up before "
                    "dawn]. [The other team looked clever|The other team did not look nervous at "
                    "all]."
                ),
            ),
            (
                (
                    "[The scores were even|Both teams had the same number of points], and [only "
                    "one round was left|everything hung on the last round]."
                ),
                (
                    "[Point by point|Step by step], they [caught up|took the lead], and the "
                    "audience [grew quiet|leaned forward]."
                ),
            ),
        ),
        (
            (
                "They [won by one point|came first], and the prize was [an enormous cake|a box of "
                "paints]. {n} [shared it with everyone|gave the first piece to {m}]."
            ),
            (
                "They did not win, but [nobody minded|{n} was happy all the same]. [Knowing things "
                "is a prize of its own|There is always another year], {elder} [said|told them]."
            ),
            (
                "When it was over, {teacher} [shook hands with everyone|said that both teams had "
                "won], and {n} [slept like a stone|talked about it for weeks]."
            ),
        ),
    ),
    (
        "[The box in the attic|What {n} found|The old trunk]",
        (
            (
                (
                    "[Under the roof|At the top of the house] there was a room that [no "
                    "one|nobody] used, and [in the corner|behind some planks] {n} found a "
                    "[wooden|dusty|heavy] box."
                ),
                (
                    "It was [a dull Sunday|the first day of the holidays] in {place}, and {n} was "
                    "[looking for old toys|exploring the attic] when {he} [stumbled "
                    "over|discovered] a box with a rusty lid."
                ),
                (
                    "{n} had been told [never to open|to leave alone] the box under the stairs. "
                    "[Naturally|So of course], {he} thought of nothing else."
                ),
            ),
            (
                (
                    "{m} [helped|came running] to [open it|lift the lid]. Inside were "
                    "[letters|papers|notebooks], [tied with string|covered in dust|smelling of old "
                    "wood]."
                ),
                (
                    "It took [all their strength|both of them] to open it. {m} [sneezed|held the "
                    "light]. [Papers|Cards with neat handwriting|Old notebooks] filled it to the "
                    "brim."
                ),
            ),
            (
                (
                    "{elder} [heard the noise|came up the steps] and [sat down beside them|had to "
                    'laugh]. "[That was mine|I wrote that when I was your age]. I wanted to [know '
                    'everything|learn a new thing every day]."'
                ),
                (
                    '"[Who wrote all this|Who put this here]?" [asked|wondered] {n}. {elder} '
                    '[blushed|smiled]. "[I did|That was me], a long time ago."'
                ),
            ),
            (
                (
                    "[Page after page|One sheet after another], they [read on|went through the "
                    "whole box]."
                ),
                (
                    "[The afternoon passed|It grew late], and [still the box was not empty|there "
                    "was always one more page]."
                ),
            ),
        ),
        (
            (
                "[In the end|Before supper] they put [everything|it all] back, with [one new "
                "page|a page of their own] on top."
            ),
            "From that day on, {n} [kept a notebook too|wrote down one new thing every evening].",
            (
                '"[Keep it|It is yours now]," said {elder}. {n} [carried the box downstairs|did '
                "not know what to say]."
            ),
        ),
    ),
    (
        "[The long way home|Lost in the fog|A walk with {m}|The missed bus]",
        (
            (
                (
                    "{n} and {m} [missed the last bus|took the wrong turn] [after the game|on the "
                    "way back from town], and [now there was nothing for it but to walk|{place} "
                    "was five miles away]."
                ),
                (
                    "[Fog|Mist] lay over the fields when {n} and {m} [set out for {place}|started "
                    "for home]. [Soon|Within minutes] they could [hardly see|not see] the path."
                ),
                (
                    "[The bridge was closed|The road was flooded], so {n} and {m} had to [go the "
                    "long way round|walk home through the woods]."
                ),
            ),
            (
                (
                    "[Luckily|By good luck], {elder} [was with them|met them at the crossroads] "
                    "and [knew every path|was not in a hurry]."
                ),
                (
                    "[After a mile|At the old mill] they met {elder}, who [was out for a walk|had "
                    "come to look for them]."
                ),
            ),
            (
                (
                    '"[My feet hurt|I am tired]," said {m}. "[Then talk|Talking helps]," said '
                    '{elder}. "[A mile is short when you are thinking|One forgets the road that '
                    'way]."'
                ),
                (
                    "To [keep up their spirits|make the time pass], they [played a game|talked "
                    "about everything under the sun]."
                ),
            ),
            (
                "[A light appeared|They saw the first houses] [between the trees|far ahead].",
                "[The fog lifted|The path grew wider], and [they walked faster|{m} began to sing].",
            ),
        ),
        (
            (
                "[When they arrived|At the garden gate], [there was hot soup|supper was waiting], "
                "and {n} [told the whole story|thought it had been the best walk of the year]."
            ),
            (
                '[Nobody had been worried|It was not even late]. "[Let us miss the bus again|Same '
                'way tomorrow]?" asked {m}.'
            ),
            (
                "[That night|Later], {n} looked at the map and [laughed|wondered] at how short the "
                "way [really was|had been]."
            ),
        ),
    ),
    (
        "[The new pupil|A new friend|{m} comes to {place}]",
        (
            (
                (
                    "{m} was new in {place} and [knew nobody|did not talk much]. {n} [noticed "
                    "it|saw that {he2} always sat alone] and [decided to do something|felt sorry]."
                ),
                (
                    "On {m}'s first day, {teacher} [put an empty chair next to {n}|asked {n} to "
                    "show {m} around]. [Neither of them|Neither child] knew what to say."
                ),
                (
                    "[For a whole week|For days], the new pupil, {m}, [said nothing but yes and "
                    "no|looked out of the window]. {n} [wanted to change that|was curious]."
                ),
            ),
            (
                (
                    "[At lunch|During the break], {n} [sat down|shared an apple] with {m}. [It "
                    "turned out|Soon it was clear] that they both [loved odd facts|collected "
                    "strange knowledge]."
                ),
                (
                    '"[What do you like|What are you reading]?" asked {n}. {m} [held up|showed] a '
                    "[thick|worn] book [full of facts|about everything in the world]."
                ),
            ),
            (
                (
                    "After school they [went to see|visited] {elder}, who [had shelves full of "
                    "books|knew an answer to most things]."
                ),
                (
                    "[That afternoon|On Saturday], {elder} [invited them both for pancakes|took "
                    "them both to the park], and [the talk went on|nobody was shy any more]."
                ),
            ),
            (
                "[The more they talked|With every word], the [easier it was|closer they became].",
                (
                    "[Before long|Soon] they were [finishing each other's sentences|laughing like "
                    "old friends]."
                ),
            ),
        ),
        (
            (
                "[The next day|On Monday], {m} [laughed out loud|raised a hand] in class for the "
                "first time, and {teacher} [winked at {n}|was amazed]."
            ),
            (
                "[From then on|Since that day], [you never saw one without the other|the two of "
                "them were always together]."
            ),
            (
                '"[I think I will like it here|Perhaps this is a good place after all]," said {m}. '
                "{n} [thought so too|could only agree]."
            ),
        ),
    ),
    (
        "[The birthday|A present for {n}|{n} turns ten]",
        (
            (
                (
                    "{n} was [nine|ten|eleven] today, and [on the table|beside the cake] lay a "
                    "present [without a name|wrapped in brown paper]."
                ),
                (
                    "[All morning|Since breakfast] {n} had waited for the [bell to ring|guests]. "
                    "[Birthdays in {place} were never quiet|A birthday comes only once a year]."
                ),
                (
                    "For {his} birthday {n} had wished for [only one thing|something unusual]: [a "
                    "day full of stories|a treasure hunt through {place}]."
                ),
            ),
            (
                (
                    "{m} [came first|was the first guest], with [flowers|a box] in both hands. "
                    "{elder} [arrived a little later|cut the cake]."
                ),
                (
                    "{elder} had [hidden|prepared] [little cards|riddles] [all over the house|in "
                    "the garden], and {m} [helped to look|found the first one]."
                ),
            ),
            (
                (
                    "[Every card|Each riddle] [led to the next|had to be read aloud before anyone "
                    "could have more cake]."
                ),
                (
                    '"[No cake without knowledge|First the brain, then the belly]," said {elder}. '
                    "[Everyone groaned|The children laughed]."
                ),
            ),
            (
                (
                    "[Crumbs|Paper and ribbons] [covered the floor|were everywhere], and the "
                    "[noise|laughter] could be heard [in the street|at the other end of {place}]."
                ),
                (
                    "[The cake grew smaller|The candles burned down], and [the questions grew "
                    "harder|the pile of cards grew]."
                ),
            ),
        ),
        (
            (
                "[Last of all|When the guests had left], {n} opened the brown parcel. It was [an "
                "encyclopedia|a thick book], and on the first page it said: [never stop asking|for "
                "a curious mind]."
            ),
            (
                '"[That was the best birthday of all|I wish I could be ten every day]," said {n}, '
                "and [fell asleep in the chair|nobody disagreed]."
            ),
            (
                "[In the evening|At bedtime], {n} [counted the presents|thought back], and the "
                "[stories|facts] were [the ones that would last|what {he} remembered best]."
            ),
        ),
    ),
    (
        "[The garden wall|Work in the garden|A Saturday job]",
        (
            (
                (
                    "[The wall behind the house|The fence] had [fallen down|been broken since "
                    "winter], and on Saturday {n} and {m} [promised|were asked] to help {elder} "
                    "[put it up again|mend it]."
                ),
                (
                    "{n} [needed pocket money|wanted to be useful], and {elder} [needed help|had "
                    "apples to pick]. {m} [came along for fun|joined them]."
                ),
            ),
            (
                (
                    "[The work was hard|It was slow work], but [the sun was shining|the talk was "
                    "good]. {elder} [liked to chat|had a story for every stone]."
                ),
                (
                    "They [carried|sorted] [stones|apples] [until their arms ached|all morning], "
                    "and [to forget how heavy they were|between one load and the next] they talked."
                ),
            ),
            (
                (
                    "[At noon|When the church clock struck twelve], they [rested in the shade|ate "
                    "bread and cheese under a tree]."
                ),
                (
                    '"[Rest a little|Time for a break]," said {elder} and [poured lemonade|sat '
                    "down in the grass]."
                ),
            ),
            (
                (
                    "[By the afternoon|After the break], [everything went faster|their hands knew "
                    "what to do]."
                ),
                "[Little by little|Slowly], the [pile|heap] grew smaller.",
            ),
        ),
        (
            (
                "[At sunset|When evening came], [the job was done|it was finished]. {elder} paid "
                "them [and added a jar of jam|with coins and a handshake]."
            ),
            (
                "[It was not perfect|It looked a bit crooked], but {n} [was proud of it|thought it "
                "was the finest in {place}]."
            ),
            (
                '"[Next Saturday again|Will you come back]?" asked {elder}. "[Of course|If you '
                'tell us more]," said {n}.'
            ),
        ),
    ),
    (
        "[The train ride|On the night train|Two tickets to {place}]",
        (
            (
                (
                    "The train to {place} was [late|slow|nearly empty], and {n} [pressed {his} "
                    "nose to the window|had already eaten all the sandwiches]."
                ),
                (
                    "{n} and {m} had [never been on a night train|waited for this trip all year]. "
                    "[At ten|At a quarter past nine], it [rolled out of the station|pulled out "
                    "with a long whistle]."
                ),
            ),
            (
                (
                    "{elder} [sat opposite|had the seat by the door], and {m} [shuffled a pack of "
                    "quiz cards|was bored]."
                ),
                (
                    "[Beside them|Across from them] sat {elder}, [knitting|half asleep|with a "
                    "newspaper], and {m} [could not sit still|kept asking questions]."
                ),
            ),
            (
                "[Fields|Rivers and fields] [went by|slipped past], then [a town|a long tunnel].",
                (
                    "[The conductor came|The lamps were dimmed], and [outside|beyond the window] "
                    "there was only [darkness|the moonlit land]."
                ),
            ),
            (
                "[Station after station|Mile after mile], they [went on|talked].",
                "A [stranger|man with a hat|lady in green] [joined in|listened and nodded].",
            ),
        ),
        (
            (
                '"{place}!" [called|cried] the conductor. {n} [jumped up|was sorry that it was '
                "over]. [The best part of a trip is the talking|They had hardly noticed the time]."
            ),
            (
                "When the train [stopped|arrived], {m} was [fast asleep|still talking], and "
                "{elder} [carried the bags|gently woke them]."
            ),
            (
                "They stepped out [into the cold morning|onto the platform], and {n} [already "
                "looked forward to the way back|hoped that the way back would be just as slow]."
            ),
        ),
    ),
)
