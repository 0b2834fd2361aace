import codecs

from absl.testing import absltest, parameterized
from hypothesis import given
from hypothesis import strategies as st

from data.web.decoding import decode

POLISH = "Zażółć gęślą jaźń. Pójdźże, kiń tę chmurę w głąb flaszy."
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
JAPANESE = "いろはにほへと散りぬるを我が世誰ぞ常ならむ。今日はとても良い天気ですね。" * 5


class DecodeTest(parameterized.TestCase):
    @parameterized.parameters(
        (POLISH, "utf-8", None, ""),
        (POLISH, "utf-8", "iso-8859-1", ""),  # wrong header
        (POLISH, "utf-8", None, '<meta charset="windows-1252">'),  # wrong declaration
        (POLISH, "iso-8859-2", "ISO-8859-2", ""),
        (
            POLISH,
            "cp1250",
            None,
            '<meta http-equiv="Content-Type" content="text/html; charset=windows-1250">',
        ),
        (POLISH, "cp1250", "utf-8", '<meta charset="windows-1250">'),
        (POLISH, "iso-8859-2", None, '<?xml version="1.0" encoding="iso-8859-2"?>'),
        (POLISH, "iso-8859-2", "no-such-charset", "<meta charset=iso-8859-2>"),
        (RUSSIAN, "cp1251", None, ""),  # undeclared
        (RUSSIAN, "koi8-r", "utf-8", '<meta charset="utf-8">'),  # wrong twice
        (JAPANESE, "shift_jis", None, ""),
        (JAPANESE, "euc_jp", None, '<meta charset="utf-8">'),
        ("“Curly” – dash", "cp1252", "iso-8859-1", ""),  # as browsers read latin-1
        (POLISH, "utf-16-le", "zip", ""),
    )
    def test_decodes(self, text, encoding, charset, declaration):
        data = f"<html>{declaration}<p>{text}".encode(encoding)
        if encoding == "utf-16-le":
            data = codecs.BOM_UTF16_LE + data
        self.assertIn(text, decode(data, charset))

    def test_byte_order_mark_goes(self):
        self.assertEqual(decode(codecs.BOM_UTF8 + b"x"), "x")
        self.assertEqual(decode(codecs.BOM_UTF16_BE + "x".encode("utf-16-be"), "utf-8"), "x")

    def test_damaged_utf8_stays_utf8(self):
        data = POLISH.encode() + b"\xff" + POLISH.encode()
        self.assertEqual(decode(data, "iso-8859-2"), f"{POLISH}\ufffd{POLISH}")

    def test_control_characters_go(self):
        self.assertEqual(decode(b"a\0b\x0cc\td\r\n\x7f"), "abc\td\r\n")
        self.assertEqual(decode(b"a\0b\xe9", "iso-8859-1"), "ab\xe9")

    @given(
        st.binary(),
        st.one_of(st.none(), st.text(), st.sampled_from(["utf-7", "hex", "big5", "zip"])),
    )
    def test_never_raises(self, data, charset):
        decode(data, charset).encode("utf-8")


if __name__ == "__main__":
    absltest.main()
