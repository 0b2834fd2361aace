import collections
import importlib.util
import itertools
import tarfile

from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree, html

from data.web import expressions
from tests.data.web import shared

NAMESPACES = {"re": "http://exslt.org/regular-expressions"}
TAGS = "div p span section article main list item aside ol li details".split()
# Some that the expressions look for, in part with capitals, and some that they do not.
VALUES = (
    "post|entry|content|post-content|article-body|story|main-column|Main-content|page-content|text|"
    "comments|comment-list|Commentary|reply-3|sidebar|nav|Footer|teaser-3|Teaser|caption|hidden|x|"
    "a hidden b|infinite-scroll|mvp-post-add-box|elementor-share-buttons|cookie|bottom link|navbar"
).split("|")
NAMES = ("id", "class", "role", "style", "itemprop", "aria-hidden", "data-component", "href")


def library():
    """A copy of trafilatura's expressions that nobody has touched."""
    spec = importlib.util.find_spec("trafilatura.xpaths")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pairs() -> list[tuple[etree.XPath, expressions.ByAttributes]]:
    slow, quick = library(), library()
    expressions.quicken(quick)
    return [
        (one, other)
        for name, found in vars(slow).items()
        if isinstance(found, list)
        for one, other in zip(found, vars(quick)[name], strict=True)
        if isinstance(other, expressions.ByAttributes)
    ]


PAIRS = pairs()
ATTRIBUTES = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=3, unique_by=lambda x: x[0]
)
TREES = st.recursive(
    st.tuples(st.sampled_from(TAGS), ATTRIBUTES, st.just([])),
    lambda inner: st.tuples(st.sampled_from(TAGS), ATTRIBUTES, st.lists(inner, max_size=4)),
    max_leaves=25,
)


def built(tree) -> etree._Element:
    tag, attributes, children = tree
    element = html.Element(tag)
    for name, value in attributes:
        element.set(name, value)
    element.extend(built(child) for child in children)
    return element


class ByAttributesTest(parameterized.TestCase):
    def test_most_of_what_is_used_is_quickened(self):
        module = library()
        self.assertEqual(expressions.quicken(module), len(PAIRS))
        kinds = collections.Counter(
            type(expression)
            for name in ("BODY_XPATH", "OVERALL_DISCARD_XPATH", "REMOVE_COMMENTS_AND_LISTS_XPATH")
            for expression in vars(module)[name]
        )
        self.assertGreater(kinds[expressions.ByAttributes], kinds[etree.XPath])

    @settings(deadline=None, max_examples=200)
    @given(TREES)
    def test_finds_the_same(self, tree):
        root = built(("div", [], [tree]))
        for expression, quick in PAIRS:
            self.assertEqual(quick(root), expression(root), expression.path)

    def test_finds_the_same_in_real_pages(self):
        archive = shared.DATA / "trafilatura_eval" / "pages.tar.gz"
        if not archive.exists():
            self.skipTest("../shared/data/trafilatura_eval is absent")
        found = 0
        with tarfile.open(archive) as pages:
            for member in itertools.islice(pages, 40):
                root = html.fromstring(pages.extractfile(member).read())
                for expression, quick in PAIRS:
                    expected = expression(root)
                    self.assertEqual(quick(root), expected, expression.path)
                    found += len(expected)
        self.assertGreater(found, 1000)

    @parameterized.parameters(
        ("@id", 3),
        ("not(@id)", 1),
        ("@id='a'", 1),
        ("@id='a' or @class='b' and @role='c'", 2),
        ("re:test(@id|@class, '^b')", 1),
        ("re:test(@class, 'B', 'i')][contains(translate(@id, 'xy', 'z'), 'z')", 1),
        ("self::p or starts-with(@role, 'c')", 3),
    )
    def test_predicate(self, predicates, count):
        root = html.fromstring(
            "<div><p id='a' class='b'></p><i class='b' id='x' role='c'></i><b class='B' id='b'></b>"
            "<p></p></div>"
        )
        path = f".//*[{predicates}]"
        expression = etree.XPath(path, namespaces=NAMESPACES)
        self.assertLen(expression(root), count)
        self.assertEqual(expressions.ByAttributes(expression)(root), expression(root))

    @parameterized.parameters(
        ".//div",
        "(.//article)[1]",
        ".//*[1]",
        ".//*[@*]",
        ".//*[text()]",
        ".//*[not(.//h1)]",
        ".//*[contains(., 'x')]",
        ".//*[contains('x', @id)]",
        ".//*['x' = @id]",
        ".//*[@id|@class = 'x']",
        ".//*[parent::div]",
        ".//*[string-length(@id) = 3]",
        "(.//*[@id='a'])[1]|(.//main)[1]",
        "//*[@id='a']",
        ".//*[@id='a']//p",
    )
    def test_refused(self, path):
        with self.assertRaises(ValueError):
            expressions.ByAttributes(etree.XPath(path))


if __name__ == "__main__":
    absltest.main()
