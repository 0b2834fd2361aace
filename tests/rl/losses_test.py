import dataclasses
import functools
import itertools
import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import strategies

from data.errors import InputError
from model.sharding import batch_sharding, make_mesh
from rl import losses
from rl.losses import PolicyLoss
from train.gradients import gradients

FIELDS = ("log_probs", "old_log_probs", "sampler_log_probs", "reference_log_probs", "advantages")

# What every kind is tried with. gspo's own clipping would cut everything here.
SETTINGS = tuple(
    PolicyLoss(kind=kind, longest=10, dual_clip=1.6, kl=0.2, kl_kind="k2", truncation=1.3)
    for kind in losses.KINDS
)


def one_row(mask, **fields):
    """A batch of one row that is one sequence."""
    mask = jnp.asarray([mask], jnp.float32)
    batch = {name: jnp.asarray([x], jnp.float32) for name, x in fields.items()}
    return batch | {"mask": mask, "segment_ids": jnp.ones(mask.shape, jnp.int32)}


def means(metrics):
    return {name: float(total) / max(float(count), 1) for name, (total, count) in metrics.items()}


def on_paper(sequences, settings):
    """The loss of sequences, each a dict of lists, in Python floats and straight from the papers:
    no rows, no padding, no packing. No slope is to be taken through "frozen", the log-probabilities
    of the point where it is."""
    total, tokens, written_sequences = 0.0, 0, 0
    for sequence in sequences:
        written = [t for t, one in enumerate(sequence["mask"]) if one]
        if not written:
            continue
        frozen = sequence.get("frozen", sequence["log_probs"])
        token_losses = []
        for t in written:
            log_ratio = sequence["log_probs"][t] - sequence["old_log_probs"][t]
            if settings.kind == "gspo":
                mean = sum(frozen[t] - sequence["old_log_probs"][t] for t in written) / len(written)
                log_ratio = mean + sequence["log_probs"][t] - frozen[t]
            elif settings.kind == "cispo":
                log_ratio = frozen[t] - sequence["old_log_probs"][t]
            ratio, advantage = math.exp(log_ratio), sequence["advantages"][t]
            clipped = min(max(ratio, 1 - settings.clip_low), 1 + settings.clip_high)
            if settings.kind == "cispo":
                loss = -clipped * advantage * sequence["log_probs"][t]
            else:
                objective = min(ratio * advantage, clipped * advantage)
                if advantage < 0 and settings.dual_clip:
                    objective = max(objective, settings.dual_clip * advantage)
                loss = -objective
            if settings.truncation:
                mismatch = sequence["old_log_probs"][t] - sequence["sampler_log_probs"][t]
                loss *= min(math.exp(mismatch), settings.truncation)
            d = sequence["reference_log_probs"][t] - sequence["log_probs"][t]
            loss += settings.kl * {"k2": d**2 / 2, "k3": math.exp(d) - 1 - d}[settings.kl_kind]
            token_losses.append(loss)
        by = {"grpo": len(written), "gspo": len(written), "dr_grpo": settings.longest}
        total += sum(token_losses) / by.get(settings.kind, 1)
        tokens += len(written)
        written_sequences += 1
    return total / (tokens if settings.kind in ("dapo", "cispo") else written_sequences)


def random_sequences(draw, lengths):
    found = []
    for length in lengths:
        log_probs = -draw.gamma(2.0, 1.0, length)
        found.append(
            {
                "mask": draw.random(length) < 0.7,
                "log_probs": log_probs,
                **{name: log_probs + draw.normal(0, 0.3, length) for name in FIELDS[1:4]},
                # The same over a sequence, as of a group: what gspo is defined for.
                "advantages": np.full(length, draw.normal()),
                # What the two parameters of `loss_of_shift` do to the log-probabilities.
                "left": draw.normal(0, 0.1, length),
                "right": draw.normal(0, 0.1, length),
            }
        )
    return found


def laid_out(rows, width, junk=0.0):
    """Rows of sequences as a batch [len(rows), width], with `junk` wherever no model wrote."""
    names = (*FIELDS, "left", "right")
    batch = {name: np.full((len(rows), width), junk, np.float32) for name in names}
    batch["mask"] = np.zeros((len(rows), width), np.float32)
    batch["segment_ids"] = np.zeros((len(rows), width), np.int32)
    for number, row in enumerate(rows):
        start = 0
        for segment, sequence in enumerate(row, 1):
            stop = start + len(sequence["mask"])
            for name in names:
                values = np.where(sequence["mask"], sequence[name], junk)
                batch[name][number, start:stop] = values
            batch["mask"][number, start:stop] = sequence["mask"]
            batch["segment_ids"][number, start:stop] = segment
            start = stop
    return jax.tree.map(jnp.asarray, batch)


# One function for each of the settings, so that a step is compiled once for all batches of a shape.
@functools.cache
def loss_of_shift(settings):
    """A policy of two parameters, so that gradients do not depend on where tokens stand."""

    def loss(params, batch):
        shift = params["left"] * batch["left"] + params["right"] * batch["right"]
        return losses.policy_loss(batch["log_probs"] + shift, batch, settings)

    return loss


_step = jax.jit(gradients, static_argnums=(0, 3))

PARAMS = {"left": jnp.float32(0.5), "right": jnp.float32(-1.0)}


def step(settings, batch, accumulate=1):
    """(loss, gradient) of a whole step."""
    gradient, metrics = _step(loss_of_shift(settings), PARAMS, batch, accumulate)
    return means(metrics)["loss"], np.array([gradient["left"], gradient["right"]])


def slope_on_paper(sequences, settings, frozen=True, by=1e-5):
    """(loss, gradient) of `on_paper`, by central differences."""

    def at(left, right):
        return [s["log_probs"] + left * s["left"] + right * s["right"] for s in sequences]

    def loss(left, right):
        moved = [
            s | {"log_probs": here} | ({"frozen": there} if frozen else {})
            for s, here, there in zip(sequences, at(left, right), at(*centre), strict=True)
        ]
        return on_paper(moved, settings)

    left, right = centre = float(PARAMS["left"]), float(PARAMS["right"])
    slope = [
        (loss(left + by, right) - loss(left - by, right)) / (2 * by),
        (loss(left, right + by) - loss(left, right - by)) / (2 * by),
    ]
    return loss(left, right), np.array(slope)


class TokenLossTest(parameterized.TestCase):
    # Ratio, advantage -> loss and its slope in log p, clipped to 0.8 .. 1.28.
    @parameterized.parameters(
        (1.0, 2.0, -2.0, -2.0),
        (1.2, 1.0, -1.2, -1.2),  # within
        (1.5, 1.0, -1.28, 0.0),  # good and already likelier: cut above
        (0.5, 1.0, -0.5, -0.5),  # good but less likely: pulled back
        (0.5, -1.0, 0.8, 0.0),  # bad and already less likely: cut below
        (1.5, -1.0, 1.5, 1.5),  # bad but likelier: pushed down
        (1.5, 0.0, 0.0, 0.0),
    )
    def test_clipped_table(self, ratio, advantage, loss, slope):
        old = -1.0
        batch = one_row([1], old_log_probs=[old], advantages=[advantage])

        def total(log_probs, kind):
            settings = PolicyLoss(kind=kind, longest=1)
            return losses.policy_loss(log_probs, batch, settings)["loss"][0]

        log_probs = jnp.asarray([[old + math.log(ratio)]], jnp.float32)
        for kind in ("dapo", "grpo", "dr_grpo", "gspo"):
            value, gradient = jax.value_and_grad(total)(log_probs, kind)
            np.testing.assert_allclose(value, loss, rtol=1e-5)
            np.testing.assert_allclose(gradient, [[slope]], rtol=1e-5)

    @parameterized.parameters(
        # Ratio, advantage, slope: all tokens keep a gradient, weighed by the clipped ratio.
        (1.0, 2.0, -2.0),
        (1.5, 1.0, -1.28),
        (0.5, 1.0, -0.8),
        (0.5, -1.0, 0.8),
        (1.5, -1.0, 1.28),
    )
    def test_cispo_table(self, ratio, advantage, slope):
        log_prob = -1.0 + math.log(ratio)
        batch = one_row([1], old_log_probs=[-1.0], advantages=[advantage])
        value, gradient = jax.value_and_grad(
            lambda x: losses.policy_loss(x, batch, PolicyLoss(kind="cispo"))["loss"][0]
        )(jnp.asarray([[log_prob]], jnp.float32))
        np.testing.assert_allclose(gradient, [[slope]], rtol=1e-5)
        np.testing.assert_allclose(value, slope * log_prob, rtol=1e-5)

    def test_trap_cispo_clips_both_sides_and_above_only_where_clip_low_is_1(self):
        """verl clips on both sides, TRL above only."""
        batch = one_row([1], old_log_probs=[-1.0], advantages=[1.0])
        log_probs = jnp.asarray([[-1.0 + math.log(0.5)]], jnp.float32)
        for clip_low, weight in ((0.2, 0.8), (1.0, 0.5)):
            settings = PolicyLoss(kind="cispo", clip_low=clip_low)
            gradient = jax.grad(lambda x, s=settings: losses.policy_loss(x, batch, s)["loss"][0])(
                log_probs
            )
            np.testing.assert_allclose(gradient, [[-weight]], rtol=1e-5)

    def test_dual_clip_bounds_the_loss_of_bad_tokens_alone(self):
        batch = one_row([1, 1, 1], old_log_probs=[-9.0] * 3, advantages=[-1.0, -1.0, 1.0])
        log_probs = jnp.log(jnp.asarray([[5.0, 2.0, 5.0]])) - 9
        settings = PolicyLoss(dual_clip=3.0)
        metrics = losses.policy_loss(log_probs, batch, settings)
        np.testing.assert_allclose(metrics["loss"][0], 3.0 + 2.0 - 1.28, rtol=1e-5)
        self.assertAlmostEqual(means(metrics)["dual_clipped"], 1 / 3, places=6)
        gradient = jax.grad(lambda x: losses.policy_loss(x, batch, settings)["loss"][0])(log_probs)
        np.testing.assert_allclose(gradient, [[0.0, 2.0, 0.0]], rtol=1e-5)

    def test_gspo_takes_the_geometric_mean_of_a_sequence(self):
        """Ratios 2 and 1/2 over two tokens are a ratio of 1; the third is a tool's."""
        log_probs = jnp.log(jnp.asarray([[2.0, 7.0, 0.5]])) - 3
        batch = one_row([1, 0, 1], old_log_probs=[-3.0] * 3, advantages=[1.5] * 3)
        settings = PolicyLoss(kind="gspo", clip_low=3e-4, clip_high=4e-4)
        metrics = losses.policy_loss(log_probs, batch, settings)
        figures = means(metrics)
        self.assertAlmostEqual(figures["loss"], -1.5, places=5)
        self.assertAlmostEqual(figures["ratio"], 1.0, places=5)
        self.assertEqual(figures["clipped"], 0)
        gradient = jax.grad(lambda x: losses.policy_loss(x, batch, settings)["loss"][0])(log_probs)
        np.testing.assert_allclose(gradient, [[-0.75, 0.0, -0.75]], rtol=1e-5)

    def test_truncated_weights_correct_for_the_sampler(self):
        # Trainer over sampler: 2, 1/2 and 8, the last cut to 3.
        batch = one_row(
            [1, 1, 1],
            old_log_probs=[-1.0] * 3,
            sampler_log_probs=[-1 - math.log(2), -1 + math.log(2), -1 - math.log(8)],
            advantages=[1.0, 1.0, 1.0],
        )
        metrics = losses.policy_loss(-jnp.ones((1, 3)), batch, PolicyLoss(truncation=3.0))
        figures = means(metrics)
        self.assertAlmostEqual(figures["loss"], -(2 + 0.5 + 3) / 3, places=5)
        self.assertAlmostEqual(figures["weight"], (2 + 0.5 + 3) / 3, places=5)
        self.assertAlmostEqual(figures["truncated"], 1 / 3, places=6)
        self.assertAlmostEqual(figures["mismatch"], math.log(2 * 2 * 8) / 3, places=5)
        unweighed = losses.policy_loss(-jnp.ones((1, 3)), batch, PolicyLoss(truncation=0.0))
        self.assertAlmostEqual(means(unweighed)["loss"], -1.0, places=6)

    def test_metrics(self):
        batch = one_row(
            [1, 1, 0],
            old_log_probs=[-1.0, -2.0, -7.0],
            reference_log_probs=[-1.0, -3.0, -7.0],
            advantages=[1.0, 1.0, 1.0],
        )
        log_probs = jnp.asarray([[-1.0, -2.0 + math.log(1.5), -0.1]])
        figures = means(losses.policy_loss(log_probs, batch, PolicyLoss(kl_kind="k1")))
        gone = math.log(1.5)
        for name, value in {
            "loss": -(1 + 1.28) / 2,
            "policy_loss": -(1 + 1.28) / 2,
            "ratio": 1.25,
            "clipped": 0.5,
            "old_kl": (1.5 - 1 - gone) / 2,
            "entropy": (1 + 2 - gone) / 2,
            "kl": (1 + gone) / 2,
        }.items():
            self.assertAlmostEqual(figures[name], value, places=5, msg=name)

    def test_no_huge_ratio_makes_it_infinite(self):
        batch = one_row([1, 1], old_log_probs=[-200.0, -300.0], advantages=[-1.0, 0.0])
        for kind in losses.KINDS:
            settings = PolicyLoss(kind=kind, longest=2)
            value, gradient = jax.value_and_grad(
                lambda x, s=settings: losses.policy_loss(x, batch, s)["loss"][0]
            )(jnp.zeros((1, 2)))
            self.assertTrue(np.isfinite(value) and np.isfinite(gradient).all(), kind)


class AggregationTest(parameterized.TestCase):
    """Two answers, of 1 and 3 tokens, whose tokens lose 1 and 2 each."""

    @parameterized.parameters(
        ("dapo", 7 / 4),  # every token alike
        ("cispo", 7 / 4),
        ("grpo", (1 + 2) / 2),  # every answer alike
        ("gspo", (1 + 2) / 2),
        ("dr_grpo", (1 + 6) / 5 / 2),  # by the longest possible, 5, and the answers
    )
    def test_table(self, kind, loss):
        batch = {
            "mask": jnp.asarray([[1, 0, 0, 0], [1, 1, 1, 0]]),
            "segment_ids": jnp.asarray([[1, 1, 0, 0], [1, 1, 1, 1]]),
            "old_log_probs": jnp.full((2, 4), -1.0),
            # cispo loses A · -log p with log p = -1, the others -A: the same with other signs.
            "advantages": jnp.asarray([[1.0] * 4, [2.0] * 4]) * (1 if kind == "cispo" else -1),
        }
        settings = PolicyLoss(kind=kind, longest=5)
        metrics = losses.policy_loss(-jnp.ones((2, 4)), batch, settings)
        self.assertAlmostEqual(means(metrics)["loss"], loss, places=6)

    def test_trap_dr_grpo_divides_by_answers_times_longest(self):
        """As TRL does. verl divides by the longest alone, which grows with the batch."""
        sequences = random_sequences(np.random.default_rng(0), [4, 6, 5])
        settings = PolicyLoss(kind="dr_grpo", longest=10, truncation=0.0)
        once, slope = step(settings, laid_out([[s] for s in sequences], 6))
        twice, double = step(settings, laid_out([[s] for s in sequences * 2], 6))
        self.assertAlmostEqual(once, twice, places=6)
        np.testing.assert_allclose(slope, double, rtol=1e-5)
        tokens = losses.policy_loss(
            laid_out([[s] for s in sequences], 6)["log_probs"],
            laid_out([[s] for s in sequences], 6),
            dataclasses.replace(settings, kind="dapo"),
        )
        as_verl = float(tokens["loss"][0]) / settings.longest
        at_zero = losses.policy_loss(
            laid_out([[s] for s in sequences], 6)["log_probs"],
            laid_out([[s] for s in sequences], 6),
            settings,
        )
        self.assertAlmostEqual(means(at_zero)["loss"] * len(sequences), as_verl, places=5)

    def test_a_per_sequence_mean_weighs_tokens_of_short_answers_more(self):
        batch = {
            "mask": jnp.asarray([[1, 0, 0, 0], [1, 1, 1, 1]]),
            "segment_ids": jnp.ones((2, 4), jnp.int32),
            "old_log_probs": jnp.full((2, 4), -1.0),
            "advantages": jnp.ones((2, 4)),
        }
        slopes = {
            kind: jax.grad(
                lambda x, k=kind: losses.policy_loss(x, batch, PolicyLoss(kind=k))["loss"][0]
            )(-jnp.ones((2, 4)))
            for kind in ("grpo", "dapo")
        }
        np.testing.assert_allclose(slopes["grpo"][:, 0], [-1.0, -0.25])
        np.testing.assert_allclose(slopes["dapo"][:, 0], [-1.0, -1.0])


class InvarianceTest(parameterized.TestCase):
    """However the same answers are laid out and cut, the step is that of the papers."""

    def setUp(self):
        super().setUp()
        self.sequences = random_sequences(
            np.random.default_rng(1), [5, 2, 7, 3, 4, 1, 6, 2, 5, 3, 7, 1, 4, 4, 2, 6]
        )

    def check(self, settings, found):
        loss, slope = slope_on_paper(self.sequences, settings)
        self.assertAlmostEqual(found[0], loss, delta=1e-5)
        np.testing.assert_allclose(found[1], slope, atol=1e-5)

    def in_rows(self, *cuts, junk=0.0):
        """16 rows of 24 tokens: those between the cuts share one, and the last rows are empty."""
        rows = [self.sequences[a:b] for a, b in itertools.pairwise((0, *cuts, 16))]
        return laid_out(rows + [[]] * (16 - len(rows)), 24, junk)

    def packings(self):
        one_each = range(1, 16)
        return {
            "padded": self.in_rows(*one_each),
            "padded by nan": self.in_rows(*one_each, junk=np.nan),
            "padded by infinity": self.in_rows(*one_each, junk=-np.inf),
            "pairs": self.in_rows(*range(2, 16, 2)),
            "fours, padded by nan": self.in_rows(4, 8, 12, junk=np.nan),
            "uneven": self.in_rows(5, 6, 12),
        }

    @parameterized.parameters(*SETTINGS)
    def test_padding_and_packing(self, settings):
        for name, batch in self.packings().items():
            # The policy itself gives something finite everywhere; the others need not.
            for side in ("left", "right"):
                batch[side] = jnp.where(batch["mask"] > 0, batch[side], 0)
            with self.subTest(name):
                self.check(settings, step(settings, batch))

    def test_metrics_of_a_wider_batch_are_the_same(self):
        narrow, wide = laid_out([[s] for s in self.sequences], 7), self.in_rows(*range(1, 16))
        for settings in SETTINGS[:2]:
            one, other = (
                means(losses.policy_loss(batch["log_probs"], batch, settings))
                for batch in (narrow, wide)
            )
            for name, value in one.items():
                self.assertAlmostEqual(value, other[name], places=5, msg=name)

    @parameterized.product(settings=SETTINGS, accumulate=(2, 8))
    def test_accumulation(self, settings, accumulate):
        for cuts in (range(1, 16), (5, 6, 12)):
            self.check(settings, step(settings, self.in_rows(*cuts), accumulate))

    @parameterized.parameters(
        (SETTINGS[0], (8, 1, 1)),
        (SETTINGS[1], (8, 1, 1)),
        (SETTINGS[3], (8, 1, 1)),
        (SETTINGS[0], (2, 4, 1)),
    )
    def test_devices(self, settings, mesh):
        mesh = make_mesh(*mesh)
        for cuts in (range(1, 16), (5, 6, 12)):
            batch = jax.device_put(self.in_rows(*cuts), batch_sharding(mesh))
            with jax.set_mesh(mesh):
                self.check(settings, step(settings, batch, 2))

    def test_gspo_has_the_gradient_of_the_whole_sequences_ratio(self):
        """Though each token's is taken alone: nothing is frozen on paper here."""
        settings = PolicyLoss(kind="gspo", kl_kind="k3", truncation=0.0)
        batch = self.in_rows(*range(1, 16))
        loss, slope = slope_on_paper(self.sequences, settings, frozen=False)
        found = step(settings, batch)
        self.assertAlmostEqual(found[0], loss, delta=1e-5)
        np.testing.assert_allclose(found[1], slope, atol=1e-5)

    def test_nothing_written_is_a_loss_and_gradient_of_zero(self):
        for sequence in self.sequences:
            sequence["mask"] = np.zeros(len(sequence["mask"]), bool)
        for settings in SETTINGS:
            loss, slope = step(settings, self.in_rows(*range(1, 16)))
            self.assertEqual(loss, 0)
            np.testing.assert_array_equal(slope, 0)

    @hypothesis.settings(max_examples=15)
    @hypothesis.given(
        seed=strategies.integers(0, 2**32 - 1),
        kind=strategies.sampled_from(losses.KINDS),
        lengths=strategies.lists(strategies.integers(1, 5), min_size=4, max_size=4),
        dual=strategies.booleans(),
        low=strategies.floats(0.01, 1.0),
        high=strategies.floats(0.01, 1.0),
    )
    def test_any_answers(self, seed, kind, lengths, dual, low, high):
        sequences = random_sequences(np.random.default_rng(seed), lengths)
        sequences[0]["mask"][0] = True
        settings = PolicyLoss(
            kind, low, high, 1.5 if dual else 0.0, kl=0.1, kl_kind="k3", truncation=1.2, longest=5
        )
        for rows in ([[s] for s in sequences], [sequences], [sequences[:3], sequences[3:]]):
            rows = rows + [[]] * (4 - len(rows))
            batch = laid_out(rows, 20)
            metrics = losses.policy_loss(batch["log_probs"], batch, settings)
            self.assertAlmostEqual(
                means(metrics)["loss"], on_paper(sequences, settings), delta=2e-5
            )


class SettingsTest(parameterized.TestCase):
    @parameterized.parameters(
        ({"kind": "ppo"}, "not one of grpo, dapo"),
        ({"kl_kind": "k4"}, "not one of k1"),
        ({"kl": 0.1, "kl_kind": "k1"}, "expected gradient"),
        ({"kind": "dr_grpo"}, "longest"),
        ({"dual_clip": 0.5}, "not above 1"),
    )
    def test_refuses(self, changes, sentence):
        with self.assertRaisesRegex(InputError, sentence):
            PolicyLoss(**changes)

    def test_a_kl_needs_its_reference(self):
        batch = one_row([1], old_log_probs=[-1.0], advantages=[1.0])
        with self.assertRaisesRegex(InputError, "reference_log_probs"):
            losses.policy_loss(-jnp.ones((1, 1)), batch, PolicyLoss(kl=0.1))


class ValueLossTest(parameterized.TestCase):
    # Value, old, return -> loss and slope, clipped to 0.2 about the old one.
    @parameterized.parameters(
        (1.0, 1.0, 0.0, 0.5, 1.0),  # not moved
        (1.1, 1.0, 0.0, 0.605, 1.1),  # moved within
        (0.5, 1.0, 0.0, 0.32, 0.0),  # nearer the return than allowed: cut at 0.8
        (1.5, 1.0, 0.0, 1.125, 1.5),  # away from it: pulled back
        (1.5, 1.0, 1.5, 0.045, 0.0),
    )
    def test_table(self, value, old, target, loss, slope):
        batch = one_row([1, 0], old_values=[old, np.nan], returns=[target, np.inf])
        metrics, gradient = (
            losses.value_loss(jnp.asarray([[value, 3.0]]), batch, 0.2),
            jax.grad(lambda x: losses.value_loss(x, batch, 0.2)["loss"][0])(
                jnp.asarray([[value, 3.0]])
            ),
        )
        figures = means(metrics)
        self.assertAlmostEqual(figures["loss"], loss, places=6)
        np.testing.assert_allclose(gradient, [[slope, 0.0]], atol=1e-6)
        self.assertEqual(figures["clipped"], float(slope == 0))
        self.assertAlmostEqual(figures["value"], value, places=6)
        self.assertAlmostEqual(figures["return"], target, places=6)

    def test_without_clipping_it_is_half_the_squared_error(self):
        batch = one_row([1, 1], old_values=[9.0, 9.0], returns=[1.0, 2.0])
        metrics = losses.value_loss(jnp.asarray([[3.0, 2.0]]), batch, 0.0)
        self.assertAlmostEqual(means(metrics)["loss"], 0.5 * (4 + 0) / 2, places=6)


if __name__ == "__main__":
    absltest.main()
