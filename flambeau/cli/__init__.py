"""The command `flambeau`. Each of its commands is a module here with SUMMARY, EXAMPLES, `add_arguments(parser)` and `run(options)`."""

import argparse
import importlib
import sys

__all__ = ["main"]

COMMANDS = ("run", "info", "summary", "convert")


def _parser():
    """The parser of the whole command line, every command's --help with its examples."""
    parser = argparse.ArgumentParser(
        prog="flambeau",
        description="PyTorch programs on a small native core.",
        epilog="`flambeau COMMAND --help` shows a command's options and examples.",
    )
    parser.add_argument("--version", action="store_true", help="show the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"flambeau.cli.{name}")
        one = commands.add_parser(
            name,
            help=module.SUMMARY,
            description=module.__doc__,
            epilog=f"examples:\n{module.EXAMPLES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(one)
        one.set_defaults(run=module.run)
    return parser


def main(argv=None):
    """Run the command line and return its exit status.

    Args:
        argv: the words after `flambeau` (default: those of this process).

    >>> flambeau.cli.main(["--version"])
    flambeau 2.13.0+flambeau
    0
    """
    parser = _parser()
    options = parser.parse_args(sys.argv[1:] if argv is None else argv)
    if options.version:
        from .. import __version__

        print(f"flambeau {__version__}")
        return 0
    if options.command is None:
        parser.print_help()
        return 2
    return options.run(options) or 0
