"""The way in, and what may happen at any moment: signals, readers that leave, letters that a
terminal lacks. The commands are in commands.py, which is imported once this is ready.
"""

import contextlib
import errno
import os
import signal
import sys
import warnings

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
READER_LEFT = (errno.EPIPE, errno.EIO, errno.EINVAL)  # a pipe's, a terminal's; on Windows
UNSEEN = dict.fromkeys(
    [*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"
)  # what moves the cursor, or turns the direction of a text
PRINTED = UNSEEN | {ord(kept): kept for kept in "\n\t"}
DRAWN = PRINTED | {ord("\r"): "\r"}  # of a line that is drawn again


def main(arguments=None):
    """Run one command; returns the exit code: 0 done, 1 checks failed, 2 bad request, 130 ^C."""
    alone = arguments is None
    if alone:
        open_standard_streams()
        on_signals(leave_at_once)
    out, err = Stream(sys.stdout, PRINTED), Stream(sys.stderr, DRAWN)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = ended(sys.argv[1:] if alone else arguments, alone)
        out.flush()
        if out.failed and not code:
            code = wrong(f"standard output: {out.failed}; some of it was not printed")
        err.flush()
    return code


def ended(arguments, alone):
    """The exit code of a command; what ends it early is said in one line."""
    from .errors import InputError

    try:
        from .commands import run

        if alone:
            on_signals(interrupt)
        with warnings.catch_warnings():
            warnings.showwarning = warned
            return run(arguments)
    except SystemExit as left:  # --help and --version
        return left.code or 0
    except InputError as error:
        return wrong(error)
    except MemoryError as error:
        return wrong(f"not enough memory ({error}); take smaller numbers, or a shorter log")
    except OSError as error:
        return wrong(f"{error.filename or 'the system'}: {error.strerror or error}")
    except KeyboardInterrupt as interrupted:
        return wrong("; ".join(["interrupted", *map(str, interrupted.args)]), 130)
    finally:
        if alone:
            on_signals(leave_at_once)


def wrong(error, code=2):
    start = "\n" if code == 130 and sys.stderr.isatty() else ""  # after the terminal's ^C
    print(f"{start}tinyrec: {str(error).translate(UNSEEN)}", file=sys.stderr)
    return code


def warned(message, *_, **__):
    wrong(message)


def on_signals(handler):
    """The handler for whatever ends a command, unless it is ignored, as nohup has it."""
    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def interrupt(number, frame):
    on_signals(leave_at_once)  # whoever asks twice
    raise KeyboardInterrupt


def leave_at_once(number, frame):
    with contextlib.suppress(OSError):
        os.write(2, b"tinyrec: interrupted\n")
    os._exit(130)


def open_standard_streams():
    """Where one was closed, what is opened next would take its number, and be printed into."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), "r+", encoding="utf-8"))


class Stream:
    """A standard stream that ends no work: what cannot be shown is replaced, and what nobody
    reads any more is dropped. failed: what else went wrong.
    """

    def __init__(self, stream, replaced):
        self.stream, self.replaced, self.failed = stream, replaced, None
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")

    def write(self, text):
        self.safely(self.stream.write, text.translate(self.replaced))
        return len(text)

    def flush(self):
        self.safely(self.stream.flush)

    def safely(self, work, *arguments):
        try:
            work(*arguments)
        except OSError as error:
            if error.errno not in READER_LEFT:
                self.failed = error.strerror
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name):
        return getattr(self.stream, name)


if __name__ == "__main__":
    sys.exit(main())
