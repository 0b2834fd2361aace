"""Which option is chosen, by hand."""

from absl.testing import absltest

from evals import choice


class ChoiceTest(absltest.TestCase):
    def test_the_likeliest(self):
        self.assertEqual(choice.chosen([-3.0, -1.0, -2.0]), 1)
        self.assertEqual(choice.chosen([-2.0, -1.0, -1.0]), 1)  # the first of equals

    def test_by_length(self):
        """-6 over 12 bytes is better than -2 over 3: -0.5 and -0.667 a byte."""
        log_probs, texts = [-2.0, -6.0], [" cat", " twelve chars"]
        self.assertEqual(choice.chosen(log_probs), 0)
        self.assertEqual(choice.chosen_by_length(log_probs, texts), 1)

    def test_length_is_in_bytes_without_the_space_before(self):
        # 3 characters of 9 bytes: -0.5 a byte, where by characters it would be -1.5.
        self.assertEqual(choice.chosen_by_length([-4.5, -2.7], [" 日本語", " abc"]), 0)
        # By the space too, -1.0 / 2 and -1.1 / 3 would choose the second.
        self.assertEqual(choice.chosen_by_length([-0.9, -1.9], [" a", " ab"]), 0)


if __name__ == "__main__":
    absltest.main()
