"""The web pipeline alone: pages of any source to clean documents, on any of Beam's runners.

    python -m data.main --input='crawl/*.warc.gz' --output=clean
    python -m data.main --input=pages/ --output=clean --processes=4 --web.language.threshold=0.5
    python -m data.main --input='gs://crawl/*.warc.gz' --output=gs://bucket/clean \\
        --runner=DataflowRunner --project=... --region=... --temp_location=gs://...

The input is a comma-separated list of files, folders and globs: WARC, WET, HTML, and JSONL and
Parquet whose text is plain already. Settings of the filters are --web.KEY=VALUE; flags that are not
listed here are Beam's. A run may be stopped at any moment; the same command goes on.

Exit status: 0 done, 2 something in the call or the input must be put right.
"""

import re
import sys

from absl import app, flags, logging
from ml_collections import config_flags

from data.errors import InputError, one_line_errors
from data.web import funnel, runners, settings

INPUT = flags.DEFINE_string("input", None, "Files, folders, globs, with commas between them.")
OUTPUT = flags.DEFINE_string("output", None, "A new folder, local or remote.")
RUNNER = flags.DEFINE_string("runner", runners.DEFAULT, f"One of {', '.join(runners.NAMES)}.")
PROCESSES = flags.DEFINE_integer(
    "processes", 0, f"Worker processes of {runners.DEFAULT}; 0: everything in one process."
)


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.ERROR)
    with one_line_errors():
        for name, value in (("input", INPUT.value), ("output", OUTPUT.value)):
            if not value:
                raise InputError(f"--{name} is missing: give --input=FILES and --output=FOLDER")
        runners.resolve(RUNNER.value)
        from data.web import pipeline  # and Beam with it, which takes seconds to import

        chosen = settings.from_config(flags.FLAGS.web)
        folder, account = pipeline.build(
            INPUT.value, OUTPUT.value, chosen, RUNNER.value, PROCESSES.value, tuple(argv[1:])
        )
        pipeline.publish(folder, OUTPUT.value, account)
        print(funnel.as_text(account))


def parse(argv: list[str]) -> list[str]:
    """absl's flags; what it does not know is left for Beam."""
    try:
        # Defined here since ml_collections reads the command line when a config is defined.
        config_flags.DEFINE_config_dict("web", settings.defaults(), "Settings of the filters.")
        return flags.FLAGS(argv, known_only=True)
    except (flags.Error, TypeError, ValueError) as error:
        sentence = f"{error}; --help lists all flags"
    except (AttributeError, KeyError) as error:
        near = re.search(r'Did you mean "(.+?)" instead of "(.+?)"', str(error))
        hint = f"--web.{near[2]}; did you mean {near[1]}?" if near else f"of this name: {error}"
        sentence = f"there is no setting {hint}"
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    app.run(main, flags_parser=parse)
