import hypothesis
import hypothesis.strategies as st
from absl.testing import absltest, parameterized

from data.tool_declarations import declaration
from serve.tools.tool import MAX_RESULT_CHARACTERS, Tool, call_tool, cut


def _echo(arguments):
    return f"{arguments}"


def _break(arguments):
    raise OSError("the disk is gone")


TOOLS = [
    Tool(declaration("echo", "Says it again.", text="string", count="integer"), _echo, "echo"),
    Tool(declaration("broken", "Breaks."), _break, "broken"),
    Tool(declaration("long", "Says much."), lambda arguments: "x" * 10**6, "long"),
]


def call(name, arguments):
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


class CallTest(parameterized.TestCase):
    @parameterized.parameters(
        (call("echo", {"text": "a", "count": 1}), "{'text': 'a', 'count': 1}"),
        (call("echo", {"text": "a"}), "error: the argument 'count' is missing"),
        (
            call("echo", {"text": 1, "count": 1}),
            "error: the argument 'text' must be of the type string",
        ),
        (
            call("echo", {"text": "a", "count": True}),
            "error: the argument 'count' must be of the type integer",
        ),
        (
            call("echo", {"text": "a", "count": 1, "x": 2}),
            "error: there is no argument 'x'; the arguments are text, count",
        ),
        (call("broken", {"x": 1}), "error: there is no argument 'x'; the arguments are none"),
        (
            call("shell", {}),
            "error: there is no tool 'shell'; the tools are echo, broken, long",
        ),
        ({"error": "the tool call is not JSON"}, "error: the tool call is not JSON"),
    )
    def test_result(self, asked, result):
        self.assertEqual(call_tool(TOOLS, asked), result)

    def test_tool_that_breaks(self):
        with self.assertLogs(level="ERROR") as logs:
            result = call_tool(TOOLS, call("broken", {}))
        self.assertEqual(result, "error: the tool broken failed (OSError)")
        self.assertIn("the disk is gone", logs.output[0])

    def test_results_are_bounded(self):
        self.assertLen(call_tool(TOOLS, call("long", {})), MAX_RESULT_CHARACTERS)
        self.assertLess(len(call_tool(TOOLS, call("x" * 10**6, {}))), 200)
        self.assertLess(len(call_tool(TOOLS, call("long", {"x" * 10**6: 1}))), 200)
        self.assertLessEqual(len(call_tool(TOOLS, {"error": "x" * 10**6})), MAX_RESULT_CHARACTERS)

    @hypothesis.given(
        st.text(),
        st.dictionaries(
            st.text() | st.sampled_from(["text", "count"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            ),
        ),
    )
    def test_anything_gets_an_answer(self, name, arguments):
        for tool in (name, "echo"):
            self.assertIsInstance(call_tool(TOOLS[:1], call(tool, arguments)), str)

    def test_cut(self):
        self.assertEqual(cut("abc", 3), "abc")
        self.assertEqual(cut("abcd", 3), "ab…")


if __name__ == "__main__":
    absltest.main()
