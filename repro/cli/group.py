"""The group that every command is in: a mistake of the user ends in one sentence."""

from __future__ import annotations

import errno
import signal

import click

from repro.errors import ReproError

# What a file or folder can refuse for reasons that lie outside the package; other errors of the system keep their traceback.
OUTSIDE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR),
    *(errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO),
)


STOPPED = (
    "Stopped. Complete runs are kept, and a training that was under way goes on from its last epoch: give the same command "
    "again."
)


class Ended(KeyboardInterrupt):
    """The system, or a batch system, asks the process to end."""


def end_orderly() -> None:
    """Let SIGTERM end the process as Ctrl-C does: jobs are ended too, and it is said what is kept."""

    def end(*_: object) -> None:
        raise Ended

    signal.signal(signal.SIGTERM, end)


class Group(click.Group):
    """Turns ReproError, and what the system refuses, into click's own error, for every command below it."""

    def invoke(self, context: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt as error:
            click.echo(STOPPED, err=True)
            context.exit(143 if isinstance(error, Ended) else 130)
        except ReproError as error:
            raise click.UsageError(str(error)) from error
        except OSError as error:
            if error.errno not in OUTSIDE:
                raise
            raise click.UsageError(
                f"{error.filename or 'A file'} cannot be read or written ({error.strerror}): mend that, or name a folder "
                "elsewhere in REPRO_RUNS, REPRO_RESULTS or REPRO_CACHE."
            ) from error
