"""A headless Chromium that is driven through its debugging protocol: real keys, a real pointer."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--remote-debugging-port=0",
)  # fmt: skip
KEYS = {
    "Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40
}  # fmt: skip
LONGEST_S = 60.0


class Tab:
    """One tab. `errors` are the messages of its console and its failed requests."""

    def __init__(self, runner: asyncio.Runner, socket: aiohttp.ClientWebSocketResponse):
        self._runner, self._socket, self._count = runner, socket, 0
        self.errors: list[str] = []
        self._loaded = False
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    _session: dict[str, str] = {}

    def open(self, address: str, width: int, scheme: str) -> None:
        """Open a page in a window of this width and color scheme, and wait until it is loaded."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=1200,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.send("Emulation.setEmulatedMedia", features=[feature])
        self._loaded = False
        self.send("Page.navigate", url=address)
        self._runner.run(asyncio.wait_for(self._until_loaded(), LONGEST_S))

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        return self._runner.run(asyncio.wait_for(self._answer(method, parameters), LONGEST_S))

    def run(self, script: str) -> Any:
        """Return the value of an expression; a promise is awaited."""
        told = self.send("Runtime.evaluate", expression=script, returnByValue=True,
                         awaitPromise=True)  # fmt: skip
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys by name, or type the characters of a word."""
        for key in keys:
            if key in KEYS:
                for kind in ("rawKeyDown", "keyUp"):
                    text = {"text": "\r"} if (key, kind) == ("Enter", "rawKeyDown") else {}
                    kind = "keyDown" if text else kind
                    self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                              windowsVirtualKeyCode=KEYS[key], **text)  # fmt: skip
            else:
                self.send("Input.insertText", text=key)

    def point(self, x: float, y: float) -> None:
        """Move the pointer to a place of the window."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    async def _answer(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        number = self._count
        await self._socket.send_json(
            {"id": number, "method": method, "params": parameters, **self._session}
        )
        while (told := await self._next()).get("id") != number:
            pass
        assert "error" not in told, (method, told)
        return told["result"]

    async def _until_loaded(self) -> None:
        while not self._loaded:
            await self._next()

    async def _next(self) -> dict[str, Any]:
        told: dict[str, Any] = await self._socket.receive_json()
        match told.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Runtime.exceptionThrown" | "Log.entryAdded" | "Network.loadingFailed":
                self.errors.append(str(told["params"]))
        return told


@contextmanager
def chromium(profile: Path) -> Iterator[Tab]:
    """Start Chromium with a new profile and yield a tab."""
    found = [path for path in map(shutil.which, NAMES) if path]
    assert found, f"none of {', '.join(NAMES)} is installed: apt-get install chromium"
    words = [found[0], *FLAGS, f"--user-data-dir={profile}"]
    with (
        subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process,
        asyncio.Runner() as runner,
    ):
        try:
            assert process.stderr is not None
            lines = (line.partition("DevTools listening on ")[2] for line in process.stderr)
            address = next(line.strip() for line in lines if line)

            async def connected() -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
                session = aiohttp.ClientSession()
                return session, await session.ws_connect(address, max_msg_size=0)

            session, socket = runner.run(connected())
            try:
                yield Tab(runner, socket)
            finally:
                runner.run(session.close())
        finally:
            process.kill()
