"""The group that every command is in: a mistake of the user ends in one sentence."""

from __future__ import annotations

import errno

import click

from repro.errors import ReproError

# What a file or folder can refuse for reasons that lie outside the package; other errors of the system keep their traceback.
OUTSIDE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR),
    *(errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO),
)


class Group(click.Group):
    """Turns ReproError, and what the system refuses, into click's own error, for every command below it."""

    def invoke(self, context: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(context)
        except ReproError as error:
            raise click.UsageError(str(error)) from error
        except OSError as error:
            if error.errno not in OUTSIDE:
                raise
            raise click.UsageError(
                f"{error.filename or 'A file'} cannot be read or written ({error.strerror}): mend that, or name a folder "
                "elsewhere in REPRO_RUNS, REPRO_RESULTS or REPRO_CACHE."
            ) from error
