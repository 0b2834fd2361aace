"""Every recipe resolves to the model and the run that its docstring promises."""

import importlib
import pathlib

from absl.testing import absltest, parameterized

from configs import defaults
from data.errors import InputError
from model.parameters import count
from train.scaling import resolve

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPES = sorted(p.stem for p in (ROOT / "configs").glob("*.py") if p.stem[0] != "_")


def flat(config, prefix=""):
    for key, value in config.items():
        if hasattr(value, "items"):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


class RecipesTest(parameterized.TestCase):
    @parameterized.parameters(*RECIPES)
    def test_resolves_with_no_key_of_its_own(self, name):
        config = importlib.import_module(f"configs.{name}").get_config()
        self.assertEqual(set(dict(flat(config))), set(dict(flat(defaults.get_config()))))
        if name == "defaults":
            return
        self.assertIn(f"configs/{name}.py", importlib.import_module(f"configs.{name}").__doc__)
        resolved, architecture = resolve(config, config.tokenizer.vocab_size)
        self.assertEqual(resolved.train.batch % resolved.train.accumulate, 0)
        unset = {key for key, value in flat(resolved) if value is None}
        # Fields of one family that the others have no use for stay None in the config.
        self.assertEqual({key for key in unset if not key.startswith("model.")}, set())
        self.assertGreater(count(architecture), 0)

    @parameterized.parameters(
        ("gpt_small", 124e6, 0.02), ("gpt_medium", 354e6, 0.05), ("llama_8b", 8.03e9, 0.001)
    )
    def test_has_the_size_of_its_name(self, name, size, tolerance):
        config = importlib.import_module(f"configs.{name}").get_config()
        _, architecture = resolve(config, config.tokenizer.vocab_size)
        self.assertAlmostEqual(count(architecture) / size, 1, delta=tolerance)

    def test_unknown_variant_is_refused(self):
        from configs import gpt_small

        with self.assertRaisesRegex(ValueError, "no variant 'smok'"):
            gpt_small.get_config("smok")


class ScalingTest(absltest.TestCase):
    def test_depth_sets_everything(self):
        config = defaults.get_config()
        config.model.depth = 12
        resolved, architecture = resolve(config, 50_257)
        self.assertEqual(
            (architecture.layers, architecture.width, architecture.heads), (12, 768, 12)
        )
        self.assertEqual(architecture.vocab_size, 50_304)
        self.assertEqual(resolved.train.batch * resolved.train.context, 2**19)
        self.assertAlmostEqual(resolved.train.learning_rate, 4e-3)
        tokens = resolved.train.steps * 2**19
        self.assertAlmostEqual(tokens / (20 * count(architecture)), 1, delta=0.01)

    def test_adamw_updates_everything_at_a_lower_rate(self):
        config = defaults.get_config()
        config.model.depth, config.train.optimizer = 12, "adamw"
        self.assertAlmostEqual(resolve(config, 50_257)[0].train.learning_rate, 6e-4)

    def test_what_is_given_stays(self):
        config = defaults.get_config()
        config.model.depth, config.model.width, config.train.batch = 2, 96, 3
        resolved, architecture = resolve(config, 1000)
        self.assertEqual(
            (architecture.layers, architecture.width, resolved.train.batch), (2, 96, 3)
        )

    def test_does_not_touch_the_config_it_is_given(self):
        config = defaults.get_config()
        config.model.depth = 2
        resolve(config, 1000)
        self.assertIsNone(config.model.vocab_size)

    def test_contradictions_are_input_errors(self):
        for section, key, value, sentence in (
            ("train", "context", 2048, "longer than the model's"),
            ("model", "vocab_size", 64, "but the tokenizer has 1000"),
            ("model", "remat", "some", "must be one of"),
        ):
            config = defaults.get_config()
            config.model.depth = 2
            config[section][key] = value
            with self.subTest(key), self.assertRaisesRegex(InputError, sentence):
                resolve(config, 1000)

    def test_auto_attention_follows_the_platform(self):
        config = defaults.get_config()
        config.model.depth, config.model.dtype = 2, "bfloat16"
        for platform, backend in (("cpu", "blocked"), ("gpu", "cudnn"), ("tpu", "splash")):
            self.assertEqual(resolve(config, 1000, platform)[1].attention, backend)
        config.train.separate_documents = True
        self.assertEqual(resolve(config, 1000, "gpu")[1].attention, "xla")


if __name__ == "__main__":
    absltest.main()
