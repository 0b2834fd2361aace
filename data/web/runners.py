"""Which of Beam's runners to use, and what must be known about them.

The flags of a runner are Beam's own. Those of the local ones are checked by name, since a flag that
nobody reads is a setting that does not hold; portable runners take flags that only their job server
knows.
"""

import argparse
import difflib
import logging
import typing

from data.errors import InputError
from data.web import worker

if typing.TYPE_CHECKING:  # Beam takes two seconds to import: a wrong flag need not wait for it
    from apache_beam.options import pipeline_options
    from apache_beam.runners import runner as beam_runner

DEFAULT = "FnApiRunner"
# A plain DirectRunner would start Prism, which wants to download a program of its own and falls
# back on another runner without a word.
ALIASES = {"directrunner": DEFAULT, "direct": DEFAULT}
REFUSED = {
    "dask": "DaskRunner loses data and reports success: its sinks write nothing, tagged outputs "
    "get every element, and what finish_bundle yields is dropped (seen in Beam 2.77)",
}
LOCAL = ("FnApiRunner", "BundleBasedDirectRunner")
NAMES = (*LOCAL, "DataflowRunner", "FlinkRunner", "SparkRunner", "PortableRunner", "PrismRunner")


def resolve(name: str) -> str:
    """The runner's name as Beam has it.

    Raises:
        InputError: there is no such runner, or it is known to lose data.
    """
    word = name.rpartition(".")[2].lower()
    for refused, reason in REFUSED.items():
        if refused in word:
            raise InputError(f"--runner={name} is refused: {reason}; use {DEFAULT}")
    if word in ALIASES:
        return ALIASES[word]
    for known in NAMES:
        if word in (known.lower(), known.lower().removesuffix("runner")):
            return known
    if "." in name:
        return name  # somebody's own, by its full name
    near = difflib.get_close_matches(name, NAMES, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(NAMES)}"
    raise InputError(f"there is no runner {name!r}: {hint}")


def set_verbosity(runner: str) -> None:
    """Keeps local runners silent, and lets others tell of their job. Before Beam is imported.

    What a local runner logs as an error, it raises too.
    """
    level = logging.CRITICAL if resolve(runner) in LOCAL else logging.INFO
    logging.getLogger("apache_beam").setLevel(level)
    # Said under no name, since what Google's cloud needs is not installed.
    logging.getLogger().addFilter(lambda record: "apitools not found" not in record.getMessage())


def create(name: str, processes: int = 0) -> "beam_runner.PipelineRunner":
    """The runner of a name.

    Args:
        processes: worker processes of FnApiRunner; 0: everything in this one.

    Raises:
        InputError: as `resolve`, or what the runner needs is not installed, or `processes` goes
            with another runner.
    """
    from apache_beam.runners import runner as beam_runner

    known = resolve(name)
    if processes and known != DEFAULT:
        raise InputError(f"--processes is a setting of {DEFAULT}: {known} has flags of its own")
    if processes:
        # As with --direct_running_mode=multi_processing, whose workers are not silent.
        from apache_beam.runners.portability.fn_api_runner import fn_runner
        from apache_beam.transforms import environments

        environment = environments.SubprocessSDKEnvironment
        return fn_runner.FnApiRunner(environment.from_command_string(worker.command()))
    try:
        return beam_runner.create_runner(known)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"--runner={name} cannot be started: {error}") from error


def options(
    runner: str, processes: int = 0, flags: tuple[str, ...] = ()
) -> "pipeline_options.PipelineOptions":
    """Beam's options.

    Args:
        processes: as for `create`.
        flags: Beam's own, as typed.

    Raises:
        InputError: a flag is none of Beam's.
    """
    from apache_beam.options import pipeline_options

    known = resolve(runner)
    if known in LOCAL:
        _check(flags)
    if processes:
        flags = (f"--direct_num_workers={processes}", *flags)
    return pipeline_options.PipelineOptions([*flags, f"--runner={known}"])


def _check(flags: tuple[str, ...]) -> None:
    from apache_beam.options import pipeline_options

    parser = argparse.ArgumentParser(add_help=False, conflict_handler="resolve")
    for kind in _kinds(pipeline_options.PipelineOptions):
        if "_add_argparse_args" in vars(kind):
            kind._add_argparse_args(parser)
    names = {name for name in parser._option_string_actions if name.startswith("--")}
    for flag in flags:
        name = flag.partition("=")[0]
        if not flag.startswith("-"):
            continue  # the value of the flag before it
        if name not in names:
            near = difflib.get_close_matches(name, sorted(names), 1, 0.6)
            hint = f"; did you mean {near[0]}?" if near else "; --help lists them"
            raise InputError(f"there is no flag {name}, here or in Beam{hint}")


def _kinds(kind: type) -> list[type]:
    return [kind, *(deeper for below in kind.__subclasses__() for deeper in _kinds(below))]
