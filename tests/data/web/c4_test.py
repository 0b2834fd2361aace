from absl.testing import absltest, parameterized
from hypothesis import given
from hypothesis import strategies as st

from data.web import c4
from data.web.c4 import C4
from data.web.decisions import Drop

FIVE = "\n".join(f"This is sentence number {number}." for number in range(5))


class C4Test(parameterized.TestCase):
    @parameterized.parameters(
        "Please enable JavaScript to see this page.",
        "Read our privacy policy before you go on.",
        "Two words",
        "one two " + "x" * 1001,
        "",
    )
    def test_line_goes(self, line):
        self.assertEqual(c4.clean(f"{FIVE}\n{line}", C4()), FIVE)

    def test_line_without_terminal_punctuation_goes_only_where_asked(self):
        text = f"{FIVE}\nA title without an end\nA line that is cut off..."
        self.assertEqual(c4.clean(text, C4()), text)
        self.assertEqual(c4.clean(text, C4(terminal_punctuation=True)), FIVE)

    def test_citations_go(self):
        marked = FIVE.replace("number", "number[12][edit] [citation needed]").replace("3.", "[a].")
        expected = FIVE.replace("number", "number ").replace("3.", "[a].")
        self.assertEqual(c4.clean(marked, C4()), expected)
        self.assertEqual(c4.clean(marked, C4(citations=False)), marked)

    @parameterized.parameters(
        ("lorem_ipsum", 5, f"{FIVE}\nLorem Ipsum dolor sit amet."),
        ("curly_bracket", 5, f"{FIVE}\nif (a) {{ return b; }}"),
        ("few_sentences", 4, FIVE.partition("\n")[2]),
    )
    def test_document_goes(self, reason, figure, text):
        self.assertEqual(c4.clean(text, C4()), Drop("c4", reason, figure))

    def test_what_stands_in_a_dropped_line_does_not_drop_the_document(self):
        self.assertEqual(c4.clean(f"{FIVE}\n{{}}\nlorem ipsum", C4()), FIVE)

    def test_sentences_of_dropped_lines_do_not_count(self):
        text = FIVE.replace("This is sentence number 4.", "Cookie policy: this is it. Yes. No.")
        self.assertEqual(c4.clean(text, C4()), Drop("c4", "few_sentences", 4))

    @given(st.text(alphabet="ab .{[1]\n\u2028?'\"", max_size=200))
    def test_a_second_time_changes_nothing_more_than_citations(self, text):
        settings = C4(min_sentences=0, citations=False)
        once = c4.clean(text, settings)
        if isinstance(once, str):
            self.assertEqual(c4.clean(once, settings), once)
            self.assertNotIn("{", once)


if __name__ == "__main__":
    absltest.main()
