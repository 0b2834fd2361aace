"""Weights in int8 from the checkpoint to the text."""

import jax
import numpy as np
from absl.testing import absltest

from model.quantize import quantized
from model.sharding import make_mesh
from serve.engine import Engine
from serve.load import load
from serve.requests import Request
from tests.serve import small_model, small_run, whole_row


class Int8Test(absltest.TestCase):
    def test_what_is_loaded_is_the_checkpoint_quantised(self):
        run = small_run.folder() / "run"
        for mesh in (None, make_mesh(2, 2, 2)):
            exact, found = load(run, mesh=mesh), load(run, mesh=mesh, weights="int8")
            jax.tree.map(np.testing.assert_array_equal, found.params, quantized(exact.params))
            query = found.params["layers"]["attention"]["query"]
            self.assertEqual(query["weight"].dtype, np.int8)
            self.assertEqual(query["weight"].sharding.mesh, exact.params["embedding"].sharding.mesh)

    def test_the_engine_writes_what_whole_rows_say(self):
        """A token is quantised on its own, so that it is the same in any batch and with a cache."""
        trained = small_model.trained()
        params = quantized(trained.params)
        prompts = small_model.prompts(3, longest=30)
        engine = Engine(params, trained.architecture, trained.tokenizer, slots=2)
        for prompt, completion in zip(
            prompts,
            engine.generate([Request(prompt, 10, temperature=0.0) for prompt in prompts]),
            strict=True,
        ):
            ids = np.concatenate([prompt, completion.tokens])
            scores = whole_row.log_probs(ids, params)[len(prompt) - 1 : -1]
            np.testing.assert_array_equal(completion.tokens, np.argmax(scores, axis=-1))

    def test_the_engine_takes_parameters_of_either_kind(self):
        trained = small_model.trained()
        engine = Engine(trained.params, trained.architecture, trained.tokenizer, slots=1)
        request = Request(small_model.prompts(1)[0], 10, temperature=0.0)
        exact = engine.generate([request])[0]
        engine.set_params(quantized(trained.params))
        found = engine.generate([request])[0]
        engine.set_params(trained.params)
        again = engine.generate([request])[0]
        self.assertEqual((again.tokens, again.log_probs), (exact.tokens, exact.log_probs))
        self.assertNotEqual(found.log_probs, exact.log_probs)
        self.assertAlmostEqual(found.log_probs[0], exact.log_probs[0], delta=0.3)


if __name__ == "__main__":
    absltest.main()
