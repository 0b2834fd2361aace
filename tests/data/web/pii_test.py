from absl.testing import absltest, parameterized
from hypothesis import given
from hypothesis import strategies as st

from data.web import pii
from data.web.pii import Pii

ONE = Pii(
    email_replacements=("E@example.com",),
    ipv4_replacements=("192.0.2.1",),
    ipv6_replacements=("2001:db8::1",),
)


class PiiTest(parameterized.TestCase):
    @parameterized.parameters(
        ("Write to ann@mail.org.", "Write to E@example.com."),
        ("mailto:ann.b+list@sub.mail.co.uk?subject=x", "mailto:E@example.com?subject=x"),
        (
            "<a_b@x-y.org>, (c@d.info); 'e@f.net'",
            "<E@example.com>, (E@example.com); 'E@example.com'",
        ),
        ("?email=ann@mail.org&page=2", "?email=E@example.com&page=2"),
        ("..ann..lee@mail.org", "..ann..E@example.com"),
        ("ann@1.2.com ann@mail.org@mail.org", "E@example.com ann@E@example.com"),
        ("a@b.org,c@d.org", "E@example.com,E@example.com"),
        ("@ann and ann@home and ann@localhost, 3 apples @ 2.50", None),
        ("Meet @ the.corner ann@ mail.org ann@-x.org ann@x.1", None),
    )
    def test_emails(self, text, expected):
        found, counts = pii.replace(text, ONE)
        self.assertEqual(found, expected or text)
        self.assertEqual(counts["emails"], (expected or "").count("E@example.com"))

    @parameterized.parameters(
        ("Ping 8.8.8.8.", "Ping 192.0.2.1."),
        (
            "8.8.8.8:53, http://9.9.9.9/x and 1.1.1.1/24",
            "192.0.2.1:53, http://192.0.2.1/x and 192.0.2.1/24",
        ),
        ("from 8.8.4.4-8.8.8.8 (ip=8.8.8.8)", "from 192.0.2.1-192.0.2.1 (ip=192.0.2.1)"),
        # Inside other numbers.
        ("999.1.2.3 1.2.3.999 256.8.8.8 8.8.8.8.8 8.8.8 08.8.8.8 1.8.8.8.8", None),
        # Versions and places.
        ("version 8.8.8.8, v8.8.8.8, v. 8.8.8.8, Version: 8.8.8.8, firmware 4.4.4.4", None),
        ("Firefox/3.6.13.20 lib-8.8.8.8.tar 8.8.8.8-beta section 8.8.1.2 § 8.8.1.2", None),
        # Nobody's: private, loopback, link-local, documentation, multicast, reserved.
        ("10.0.0.1 192.168.1.1 172.16.3.4 127.0.0.1 169.254.1.1 192.0.2.7 0.0.0.0", None),
        ("224.0.0.1 239.1.2.3 240.0.0.1 255.255.255.255 100.64.1.1", None),
    )
    def test_ipv4(self, text, expected):
        found, counts = pii.replace(text, ONE)
        self.assertEqual(found, expected or text)
        self.assertEqual(counts["ipv4"], (expected or "").count("192.0.2.1"))

    @parameterized.parameters(
        ("2001:4860:4860::8888 answers", "2001:db8::1 answers"),
        ("[2a00:1450:4001:81B::200e]:443", "[2001:db8::1]:443"),
        ("at 2606:4700:4700:0:0:0:0:1111: here", "at 2001:db8::1: here"),
        ("route 2001:4860::", "route 2001:db8::1"),
        ("::1 fe80::1 fd00::5 2001:db8::7 ff02::1", None),
        ("2016:12:24 at 20:15:00, std::vector, 2001:4860:1 and 2001:x::1", None),
        ("2001:1:2:3:4:5:6:7:8 and a2001:4860:4860::8888", None),
    )
    def test_ipv6(self, text, expected):
        found, counts = pii.replace(text, ONE)
        self.assertEqual(found, expected or text)
        self.assertEqual(counts["ipv6"], int(expected is not None))

    def test_an_address_is_always_given_the_same_replacement(self):
        found, _ = pii.replace("a@b.org c@d.org a@b.org A@B.org e@f.org", Pii())
        words = found.split()
        self.assertEqual(words[0], words[2])
        self.assertEqual(words[0], words[3])
        self.assertLen(set(words), 2)
        self.assertLessEqual(set(words), set(Pii().email_replacements))

    def test_can_be_switched_off(self):
        text = "a@b.org 8.8.8.8 2001:4860:4860::8888"
        self.assertEqual(pii.replace(text, Pii(emails=False, ips=False))[0], text)
        self.assertIn("8.8.8.8", pii.replace(text, Pii(ips=False))[0])

    def test_long_runs_take_linear_time(self):
        for text in ("a" * 10**6 + "@", "a." * 10**6 + "@x.org", "@" * 10**6, "1." * 10**6):
            pii.replace(text, Pii())
        pii.replace("2001:" * 10**5 + "a@" * 10**5, Pii())

    @given(
        st.lists(
            st.sampled_from(
                [
                    "a@b.org",
                    "8.8.8.8",
                    "2a00:1450::5",
                    ".",
                    ":",
                    "-",
                    "/",
                    "v",
                    " ",
                    "@",
                    "x",
                    "1",
                    "é",
                ]
            )
        ).map("".join)
    )
    def test_a_second_time_changes_nothing(self, text):
        once, counts = pii.replace(text, Pii())
        again, none = pii.replace(once, Pii())
        self.assertEqual(again, once)
        self.assertEqual(sum(none.values()), 0)
        self.assertEqual(sum(counts.values()) == 0, once == text)

    @given(st.text(alphabet="a1.:@-/ g", max_size=60))
    def test_never_raises(self, text):
        once, _ = pii.replace(text, Pii())
        self.assertEqual(pii.replace(once, Pii())[0], once)


if __name__ == "__main__":
    absltest.main()
