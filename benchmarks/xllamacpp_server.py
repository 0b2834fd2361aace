"""llama.cpp's own server out of the wheel of xllamacpp, for benchmarks.serving.

    PYTHON benchmarks/xllamacpp_server.py MODEL PORT SLOTS CONTEXT THREADS

Serves a GGUF file on this machine until its standard input ends. Run by the Python of an
environment that has xllamacpp, and so without this project's packages.
"""

import sys

import xllamacpp


def main() -> None:
    model, *numbers = sys.argv[1:]
    port, slots, context, threads = map(int, numbers)
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames, params.port = ["127.0.0.1"], port
    params.n_parallel, params.n_ctx = slots, slots * context
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.cont_batching, params.kv_unified, params.cache_ram_mib = True, False, 0
    params.use_jinja, params.ui, params.fit_params, params.verbosity = True, False, False, 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
