"""The command as a process of its own."""

import sys

# What a shell starts in the background is told to ignore Ctrl-C, and so would its children be.
_HEARD = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
UPRES = [sys.executable, "-c", f"{_HEARD}; from upres.cli.main import main; main()"]
