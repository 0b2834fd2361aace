"""What every test runs with.

Eight simulated devices: meshes are tested on them, the rest runs on the first. Examples of
hypothesis may take as long as they do, since machines differ.
"""

import hypothesis
import jax

# Must come before anything asks for a device, hence here and not in the tests of meshes.
jax.config.update("jax_num_cpu_devices", 8)

hypothesis.settings.register_profile("primer", deadline=None)
hypothesis.settings.load_profile("primer")
