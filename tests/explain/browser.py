"""Chromium without a window, driven through its DevTools protocol."""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from websocket import create_connection

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--remote-debugging-port=0", "--remote-allow-origins=*",
)  # fmt: skip
WAIT = 60  # seconds for the browser to start, or to answer


def program():
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a browser of its own; `problems` gathers what the console complained of."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command = [program(), *FLAGS, f"--user-data-dir={self.folder.name}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, **quiet)
        self.socket = create_connection(self._page(), timeout=WAIT)
        self.sent, self.problems = 0, []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def _page(self):
        """The address of its one page, which is there a moment after the browser is."""
        file, until = Path(self.folder.name) / "DevToolsActivePort", time.monotonic() + WAIT
        while time.monotonic() < until:
            if file.exists() and file.read_text().strip():
                port = file.read_text().split()[0]
                for page in json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json")):
                    if page["type"] == "page":
                        return page["webSocketDebuggerUrl"]
            time.sleep(0.05)
        raise TimeoutError("the browser did not start")

    def call(self, method, **params):
        self.sent += 1
        self.socket.send(json.dumps({"id": self.sent, "method": method, "params": params}))
        while True:
            heard = json.loads(self.socket.recv())
            if heard.get("method") == "Runtime.exceptionThrown":
                self.problems.append(heard["params"]["exceptionDetails"]["text"])
            if heard.get("method") in ("Log.entryAdded", "Runtime.consoleAPICalled"):
                self.problems.append(json.dumps(heard["params"]))
            if heard.get("id") == self.sent:
                assert "error" not in heard, heard
                return heard["result"]

    def run(self, script):
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def open(self, path, width, height=900, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=path.as_uri())
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            if self.run("location.protocol === 'file:' && document.readyState") == "complete":
                return
            time.sleep(0.05)
        raise TimeoutError(f"{path} did not load")

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()
