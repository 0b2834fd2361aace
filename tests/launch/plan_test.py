"""launch.plan: the program's text by hand and against JAX's own partitioner; a real compilation."""

import importlib.util
import os
import subprocess
import sys
import unittest
from unittest import mock

import jax
from absl.testing import absltest, parameterized

from configs import defaults
from data.errors import InputError
from launch import plan
from launch.collectives import Collective, collectives
from tests.launch.fake_programs import ROOT

# Two nested loops of 3 and 5 rounds around an all-gather; a reduce-scatter in a fusion; one
# all-gather in two pieces; a permute that only starts; one collective that nobody takes part in.
PROGRAM = """
HloModule jit_step, is_scheduled=true

%inner (p: (s32[], bf16[8,16])) -> (s32[], bf16[8,16]) {
  %gather.1 = bf16[8,64]{1,0:T(8,128)(2,1)S(1)} all-gather(%x), channel_id=1, replica_groups=[2,4]<=[8], dimensions={1}
}

%inner_condition (p: (s32[], bf16[8,16])) -> pred[] {
  %limit = s32[]{:T(128)} constant(5)
  ROOT %lt = pred[]{:T(512)} compare(%i, %limit), direction=LT
}

%outer (p: (s32[], bf16[8,16])) -> (s32[], bf16[8,16]) {
  %while.1 = (s32[], bf16[8,16]) while(%t), condition=%inner_condition, body=%inner, metadata={}
}

%outer_condition (p: (s32[], bf16[8,16])) -> pred[] {
  ROOT %lt = pred[] compare(%i, %limit), direction=LT
}

%all-reduce-scatter.7 (p: f32[1024]) -> f32[128] {
  %all-reduce.1 = f32[1024]{0} all-reduce(%p), channel_id=2, replica_groups={{0,1,2,3,4,5,6,7}}, to_apply=%add
}

%piece.1 (p: bf16[64,8]) -> bf16[64,16] {
  %gather.2 = bf16[64,16]{1,0} all-gather(%p), channel_id=3, replica_groups=mesh['a'=4,'b'=2] {'b'}
}

%piece.2 (p: bf16[64,8]) -> bf16[64,16] {
  %gather.3 = bf16[64,16]{1,0} all-gather(%p), channel_id=3, replica_groups=mesh['a'=4,'b'=2] {'b'}
}

ENTRY %main (p: f32[1024]) -> f32[1024] {
  %while.2 = (s32[], bf16[8,16]) while(%t), condition=%outer_condition, body=%outer, backend_config={"known_trip_count":{"n":"3"}}
  %fusion.1 = f32[128]{0} fusion(%p), kind=kCustom, calls=%all-reduce-scatter.7
  %fusion.2 = bf16[64,16]{1,0} fusion(%p), kind=kOutput, calls=%piece.1
  %fusion.3 = bf16[64,16]{1,0} fusion(%p), kind=kOutput, calls=%piece.2
  %permute = (f32[4,4]{1,0}, f32[4,4]{1,0}, u32[]{:S(2)}) collective-permute-start(%y), channel_id=4, source_target_pairs={{0,1},{1,0}}
  %alone = f32[4]{0} all-reduce(%z), channel_id=5, replica_groups={{0},{1}}, to_apply=%add
  %pair = (f32[2,3]{1,0}, s8[10]{0}) all-to-all(%a, %b), channel_id=6, replica_groups={{0,1}}
}
"""  # noqa: E501 - a program's lines are as long as they are

# What JAX's own partitioner makes of a loop on 8 simulated devices: run in a process of its own,
# since the number of devices is set before JAX starts.
PARTITIONED = """
import jax, jax.numpy as jnp
jax.config.update("jax_num_cpu_devices", 8)
from jax.sharding import NamedSharding, PartitionSpec as P
from launch.collectives import collectives
mesh = jax.make_mesh((8,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
split, whole = NamedSharding(mesh, P("x")), NamedSharding(mesh, P())
def f(x):  # [64, 32]
    def body(carry, _):
        return carry + jax.shard_map(
            lambda y: jax.lax.psum(y, "x"), mesh=mesh, in_specs=P("x"), out_specs=P()
        )(x * carry.sum()), None
    return jax.lax.scan(body, jnp.zeros((8, 32)), length=7)[0]
x = jax.ShapeDtypeStruct((64, 32), jnp.float32, sharding=split)
print(collectives(jax.jit(f, out_shardings=whole).lower(x).compile().as_text()))
"""


class CollectivesTest(parameterized.TestCase):
    def test_by_hand(self):
        self.assertCountEqual(
            collectives(PROGRAM),
            [
                Collective("all-gather", 8 * 64 * 2, group=4, count=15),
                Collective("reduce-scatter", 1024 * 4, group=8, count=1),
                Collective("all-gather", 64 * 16 * 2, group=2, count=1),
                Collective("collective-permute", 4 * 4 * 4, group=2, count=1),
                Collective("all-to-all", 2 * 3 * 4 + 10, group=2, count=1),
            ],
        )

    def test_against_the_partitioner(self):
        result = subprocess.run(
            [sys.executable, "-c", PARTITIONED],
            cwd=ROOT,
            env=os.environ | {"JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(
            result.stdout.strip(),
            "[Collective(kind='all-reduce', size=1024, group=8, count=7)]",
        )

    @parameterized.parameters(
        # A ring of n passes n - 1 of n parts; an all-reduce does so twice.
        ("all-gather", 0.75),
        ("reduce-scatter", 0.75),
        ("all-reduce", 1.5),
        ("all-to-all", 0.75),
        ("collective-permute", 1.0),
    )
    def test_sent(self, kind, share):
        self.assertEqual(Collective(kind, 1000, group=4, count=3).sent, 3000 * share)


class PlanTest(parameterized.TestCase):
    def small(self):
        config = defaults.get_config()
        config.model.layers = 2
        config.model.width = 256
        config.model.head_dim = 128
        config.model.context = 256
        config.model.dtype = "bfloat16"
        config.model.scan = True
        config.mesh.data, config.mesh.fsdp = 1, 4
        config.tokenizer.vocab_size = 1024
        config.train.batch = 8
        config.train.optimizer = "adamw"
        return config

    def devices(self):
        if importlib.util.find_spec("libtpu") is None:
            raise unittest.SkipTest("needs libtpu (pip install libtpu)")
        return plan.devices_of("v5e:2x2")

    def test_seconds(self):
        """By hand: v5e, 4 chips, 0.75 of 197 TFLOP/s, 819 GB/s of memory, 200 GB/s of links."""
        one = plan.Plan(
            kind="TPU v5 lite",
            mesh={"data": 1, "fsdp": 4, "tensor": 1},
            parameters=10**9,
            tokens=10**5,
            flops=6e14,
            executed_flops=8e14,
            held=4 * 10**9,
            temporary=10**9,
            weights_read=6e9,
            collectives=(Collective("all-gather", 8 * 10**9, group=4, count=1),),
        )
        seconds = one.seconds()
        self.assertAlmostEqual(seconds["matrix products"], 8e14 / (4 * 197e12 * 0.75))
        self.assertAlmostEqual(seconds["memory"], 14 / 819)
        self.assertAlmostEqual(seconds["network"], 6 / 200)
        text = plan.report(one)
        self.assertIn("4.66 GiB  of 14.9 GiB (31%)", text)
        self.assertIn("MFU 54% to 56%", text)

    def asked_to_compile(self, config):
        """The architecture of the step that would be compiled, of CPU devices taken for TPUs."""
        chips = {jax.devices()[0].device_kind: plan.CHIPS["TPU v5 lite"]}
        with (
            mock.patch.dict(plan.CHIPS, chips),
            mock.patch.object(plan, "compile_step", side_effect=plan.DoesNotFit) as compiled,
            self.assertRaises(plan.DoesNotFit),
        ):
            plan.plan(config, jax.devices()[:4])
        return compiled.call_args.args[1]

    def test_attention_is_the_slice_s_and_not_this_machine_s(self):
        config = self.small()
        self.assertEqual(self.asked_to_compile(config).attention, "splash")
        config.model.attention = "xla"
        self.assertEqual(self.asked_to_compile(config).attention, "xla")
        config.model.attention = "cudnn"
        with self.assertRaisesRegex(InputError, "runs on GPU; the devices here are TPU"):
            self.asked_to_compile(config)

    def test_a_compiled_step(self):
        found = plan.plan(self.small(), self.devices())
        # Every layer: attention 4 D^2, MLP 3 D F, norms 2 D + 2 head_dim; embedding; last norm.
        count = 2 * (4 * 256**2 + 3 * 256 * 704 + 2 * 256 + 2 * 128) + 1024 * 256 + 256
        self.assertEqual(found.parameters, count)
        # Parameters and Adam's two moments, float32, split over four chips. Norms are not split,
        # and arrays are padded to whole tiles.
        self.assertBetween(found.held, 12 * count / 4, 12 * count / 4 * 1.2)
        # Weights are gathered and their gradients summed over all four chips: the parameters in
        # bfloat16 at least once, and 4 bytes of every gradient, by whatever collective.
        self.assertEqual({one.group for one in found.collectives}, {4})
        sent = sum(one.sent for one in found.collectives)
        self.assertBetween(sent, 0.75 * 6 * count, 10 * 6 * count)
        self.assertIn("4 devices of TPU v5 lite", plan.report(found))

    def test_what_does_not_fit_says_so(self):
        config = self.small()
        config.model.width, config.model.layers, config.train.batch = 8192, 1, 4
        config.tokenizer.vocab_size = 1_000_000
        with self.assertRaisesRegex(plan.DoesNotFit, "needs .*G of a chip's 15.75G"):
            plan.plan(config, self.devices())

    def test_batch_that_the_mesh_does_not_divide(self):
        config = self.small()
        config.train.batch = 6
        with self.assertRaisesRegex(InputError, "train.batch is 6 rows"):
            plan.plan(config, self.devices())

    def test_mesh_that_is_not_the_slice(self):
        config = self.small()
        config.mesh.fsdp = 3
        with self.assertRaisesRegex(InputError, "does not fit the 4 devices"):
            plan.plan(config, self.devices())

    @parameterized.parameters("v5e:3x5", "nonsense", "v99:2x2")
    def test_unknown_slice(self, topology):
        self.devices()
        with self.assertRaisesRegex(InputError, "is no slice the compiler knows"):
            plan.devices_of(topology)

    @parameterized.parameters(
        ([], "no --config"),
        (["--config=configs/laptop.py"], "no --topology"),
        (["--config=configs/laptop.py", "--topologie=v5e:2x2"], "topology"),
        (["--config=configs/laptop.py", "--topology=v5e:2x2", "x"], "unexpected argument 'x'"),
    )
    def test_command_line(self, arguments, message):
        result = subprocess.run(
            [sys.executable, "-m", "launch.plan", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(message, result.stderr)
        self.assertNotIn("Traceback", result.stderr)

    def test_without_libtpu(self):
        """libtpu is hidden, as if it were not installed."""
        hidden = (
            "import importlib.util as u, runpy, sys; find = u.find_spec;"
            "u.find_spec = lambda name, *a: None if name == 'libtpu' else find(name, *a);"
            "sys.argv = ['plan', '--config=configs/laptop.py', '--topology=v5e:2x2'];"
            "runpy.run_module('launch.plan', run_name='__main__')"
        )
        result = subprocess.run(
            [sys.executable, "-c", hidden], cwd=ROOT, capture_output=True, text=True
        )
        self.assertEqual(result.returncode, 2)
        self.assertEqual(
            result.stderr.splitlines()[-1],
            "error: compiling for a TPU needs its compiler: pip install libtpu",
        )


if __name__ == "__main__":
    absltest.main()
