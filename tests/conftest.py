"""Eight simulated devices for every test: meshes are tested on them, the rest runs on the first."""

import jax

# Must come before anything asks for a device, hence here and not in the tests of meshes.
jax.config.update("jax_num_cpu_devices", 8)
