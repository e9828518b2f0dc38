"""One Octant process under test, and the smallest REST client that shows every byte of an answer.

Starts ./octant on a free port in a folder of its own; `crash` is SIGKILL and a new start on the
same folder.
"""

import http.client
import json
import os
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_START_SEC_MAX = 60


class Octant:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log = (folder / "octant.log").open("ab")
        self.port = _free_port()
        self._start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, body=None) -> tuple[int, object]:
        """Status and decoded body. A body given as bytes goes out as it is."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self._connection.request(method, path, data, {"content-type": "application/json"})
            response = self._connection.getresponse()
            text = response.read()
        except (http.client.HTTPException, OSError):
            self._connection.close()
            if self._process.poll() is not None:
                raise RuntimeError(f"octant ended by itself:\n{self.log_tail()}") from None
            raise
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text.decode(errors="replace")

    def crash(self) -> None:
        self._process.kill()
        self._process.wait()
        self._start()

    def restart(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        self._connection.close()
        self._process.terminate()
        code = self._process.wait(timeout=60)
        if code != 0:
            raise RuntimeError(f"octant ended with {code}:\n{self.log_tail()}")

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def log_tail(self) -> str:
        self._log.flush()
        return (self._folder / "octant.log").read_text(errors="replace")[-4000:]

    def _start(self) -> None:
        settings = {
            "QDRANT__SERVICE__HOST": "127.0.0.1",
            "QDRANT__SERVICE__HTTP_PORT": str(self.port),
            "QDRANT__SERVICE__GRPC_PORT": str(_free_port()),
            "QDRANT__STORAGE__STORAGE_PATH": str(self._folder / "storage"),
            "QDRANT__STORAGE__SNAPSHOTS_PATH": str(self._folder / "snapshots"),
            "QDRANT_INIT_FILE_PATH": str(self._folder / ".qdrant-initialized"),
        }
        self._process = subprocess.Popen(
            [ROOT / "octant"],
            cwd=self._folder,
            env={**os.environ, **settings},
            stdout=self._log,
            stderr=self._log,
        )
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        deadline = time.monotonic() + _START_SEC_MAX
        while not self._is_ready():
            if self._process.poll() is not None:
                raise RuntimeError(f"octant ended while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"octant was not ready in time:\n{self.log_tail()}")
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        try:
            return self.call("GET", "/readyz")[0] == 200
        except (http.client.HTTPException, OSError, RuntimeError):
            return False


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
