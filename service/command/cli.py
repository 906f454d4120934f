"""The command `kindred`. Every command imports what it needs inside: `--help` loads none of it.

Exit codes: 0 it worked; 1 it failed; 2 the command line is wrong; 3 the input is wrong (a source, a
strategy, a setting, a data directory); 4 a service did not answer, or refused; 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

import click

OK, FAILED, USAGE, INPUT, SERVICE, INTERRUPTED = 0, 1, 2, 3, 4, 130
DEFAULT_URL = "http://127.0.0.1:8000"

format_option = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="What is printed.",
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 it worked, 1 it failed, 2 wrong command line, 3 wrong input, "
    "4 the service did not answer or refused.",
)
@click.version_option(package_name="kindred")
def kindred() -> None:
    """Online classifiers for many tasks, which learn from each other.

    Try: kindred replay river:Yeast
    """


@kindred.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Where the state lies.  [default: kindred-data]")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0: any free one.  [default: 8000]")
@click.option("--strategy", metavar="NAME", help="See `kindred strategies`.  [default: auto]")
@click.option("--workers", type=click.IntRange(1, 256), metavar="N",
              help="Processes that tasks are spread over; fixed for a DIR.  [default: 1]")
def serve(
    data: Path | None, host: str | None, port: int | None, strategy: str | None, workers: int | None
) -> int:
    """Serve over HTTP until told to stop.

    SIGTERM or Ctrl-C: what was taken in is learnt, the state written, exit 0.

    Every other setting is a variable KINDRED_... or a line of the TOML file that KINDRED_CONFIG
    names; what is given here wins.
    """
    given = {"data_dir": data, "host": host, "port": port, "strategy": strategy}
    settings = _settings(**given, workers=workers)
    from learners.coordination import find
    from service.web.serve import serve as run

    find(settings.strategy)  # a wrong name is told before anything is started or written
    return run(settings)


@kindred.command()
@click.argument("source")
@click.option("--strategy", "strategies", multiple=True, metavar="NAME",
              help="In this process; may be given several times.  [default: auto]")
@click.option("--url", metavar="URL", help="Replay over HTTP, into the service there.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="Of the shuffle, and of strategies in this process.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N examples only.")
@click.option("--shuffle/--no-shuffle", default=None,
              help="Random order.  [default: if the source's own order means nothing]")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.html",
              help="Write a page with pictures.")
@format_option
def replay(
    source: str, strategies: tuple[str, ...], url: str | None, seed: int, limit: int | None,
    shuffle: bool | None, report: Path | None, form: str,
) -> None:
    """Predict, then learn; say how good that was.

    Example by example: every prediction is made before its label is learnt.

    \b

    SOURCE is a file (CSV, JSON lines, ARFF, svmlight, Vowpal Wabbit, Parquet, .mat, .npz), one of
    river's sets (river:Yeast), or a generator (synthetic:lowrank?tasks=16&rank=2).
    """
    if url and strategies:
        raise click.UsageError("--strategy is for this process; the service at --url has its own.")
    if report is not None and not report.parent.is_dir():
        raise click.UsageError(f"--report {report}: there is no directory {report.parent}.")
    from service.command.cli_replay import run, show

    result = run(
        source, strategies or ("auto",), url, seed, limit, shuffle, watch=report is not None
    )
    if report is not None:
        from service.command.report import page

        report.write_text(page(result), "utf-8")
    show(result, form)
    if report is not None and form == "text":
        click.echo(f"\nReport: {report}")


@kindred.command()
@click.argument("source")
@click.option("--strategy", "strategies", multiple=True, metavar="NAME",
              help="May be given several times.  [default: auto]")
@click.option("--places", default="task", show_default=True, metavar="N|task",
              help="Places p0, p1, ... that the tasks are dealt to in turn, or one for each task.")
@click.option("--topology", default="hub", show_default=True, metavar="NAME",
              help="hub, complete, star, ring, grid[:WIDTH], random:DEGREE, erdos[:P], "
              "edges:A-B,B-C,...")
@click.option("--delay", multiple=True, metavar="[FROM>TO=]DELAY",
              help="SECONDS, uniform:A,B, exponential:MEAN, lognormal:MEDIAN,SIGMA, or SECONDS+ "
              "one of these; of all links, or of one (`hub` is an end where there is a hub).")
@click.option("--drop", type=click.FloatRange(0, 1), default=0.0, metavar="P",
              help="Probability that a message is lost.")
@click.option("--duplicate", type=click.FloatRange(0, 1), default=0.0, metavar="P",
              help="Probability that a message arrives twice.")
@click.option("--partition", multiple=True, metavar="START-STOP:PLACE,...",
              help="These cannot talk with the others meanwhile; without STOP, to the end.")
@click.option("--byzantine", default="", metavar="KIND[=STRENGTH]:SHARE,...",
              help="Liars: constant, random, sign-flip, scaled, ipm or different; a run for each "
              "share of the places.")
@click.option("--straggler", default="", metavar="SHARE:SECONDS",
              help="A share of the places takes so long to learn an example.")
@click.option("--energy", default="", metavar="MESSAGES[,UPDATES]/SECONDS",
              help="What a place can send, and learn, in so many seconds; the rest waits.")
@click.option("--active", default="", metavar="P|LOW-HIGH",
              help="How probably a place takes part in a period.  [default: 1]")
@click.option("--period", type=click.FloatRange(0, min_open=True), default=64.0,
              show_default=True, metavar="SECONDS",
              help="From one telling to the next; an example comes every second.")
@click.option("--rounds", type=click.IntRange(1), default=1, show_default=True,
              help="How often places tell and hear each time.")
@click.option("--wait", "waits", is_flag=True, help="Meet only once all have said something new.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="Of all that is random.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N examples only.")
@click.option("--shuffle/--no-shuffle", default=None,
              help="Random order.  [default: if the source's own order means nothing]")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.html",
              help="Write a page with pictures.")
@format_option
def simulate(
    source: str, strategies: tuple[str, ...], seed: int, limit: int | None, shuffle: bool | None,
    report: Path | None, form: str, **network: Any,
) -> None:
    """Learn at many places on a network that misbehaves.

    A simulation in made-up time: messages are counted, late, lost or lies; strategies and places
    are those that serve. Say what SOURCE is as for `kindred replay`.
    """
    if report is not None and not report.parent.is_dir():
        raise click.UsageError(f"--report {report}: there is no directory {report.parent}.")
    from service.command.cli_simulate import Words, run, show

    result = run(source, strategies or ("auto",), Words(**network), seed, limit, shuffle)
    if report is not None:
        from service.command.report_simulate import page

        report.write_text(page(result), "utf-8")
    show(result, form)
    if report is not None and form == "text":
        click.echo(f"\nReport: {report}")


@kindred.command()
@format_option
def strategies(form: str) -> None:
    """The catalogue: what can learn, with papers."""
    from service.command.cli_show import strategies as show

    show(form)


@kindred.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@format_option
def inspect(directory: Path, form: str) -> int:
    """What a data directory holds; its state's hash.

    Changes nothing. Exit code 3 where it is damaged.
    """
    from service.command.cli_show import inspect as show

    return show(directory, form)


@kindred.command()
@click.option("--url", default=None, help=f"The service.  [default: as set, {DEFAULT_URL}]")
@click.option("--timeout", type=float, default=2.0, show_default=True, help="Seconds.")
def health(url: str | None, timeout: float) -> int:
    """Whether a service can learn: exit code 0, else 4."""
    from service.command.health import check

    return OK if check(url, timeout) else SERVICE


@kindred.command(hidden=True)
def warm() -> None:
    """Compile every loop once, so that no start has to: for images and installers."""
    from service.command.warm import run

    run()


@kindred.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
                default=Path("kindred-demo"))
def demo(directory: Path) -> int:
    """Serve, replay real data, crash, recover, report.

    State and report are left in DIR (kindred-demo), to go on with.
    """
    from service.command.demo import run

    return run(directory)


def _settings(**given: Any) -> Any:
    from service.settings import Settings

    return Settings(**{name: value for name, value in given.items() if value is not None})


def main() -> NoReturn:
    """Run the command; what goes wrong is one line on stderr and an exit code."""
    try:
        code = kindred.main(prog_name="kindred", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has gone, as in `kindred ... | head`
        sys.stderr.close()
        sys.exit(FAILED)
    except Exception as error:
        from service.command.failure import explain

        code, line = explain(error)
        if line is None:
            raise
        click.echo(f"kindred: {line}", err=True)
    sys.exit(code if isinstance(code, int) else OK)


if __name__ == "__main__":
    main()
