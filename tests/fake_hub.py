"""A Hub on this machine that serves one folder as one repository: enough for the real client."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

COMMIT = "2" * 40


@contextmanager
def serve(folder: Path, repo: str, *, gated: bool = False) -> Iterator[tuple[str, list[str]]]:
    """The endpoint's address, and the names of the files that were fetched, as they come."""
    fetched: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.split("?")[0].strip("/")
            if gated:
                headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": "accept the licence"}
                return self._send(403, b"", headers, with_body)
            if path in (f"api/models/{repo}", f"api/models/{repo}/revision/main"):
                siblings = [{"rfilename": name} for name in files()]
                info = {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings}
                return self._send(200, json.dumps(info).encode(), {}, with_body)
            if path == f"api/models/{repo}/tree/{COMMIT}":
                entries = [
                    {"type": "file", "path": name, "size": size, "oid": "0" * 40}
                    for name, size in files().items()
                ]
                return self._send(200, json.dumps(entries).encode(), {}, with_body)
            prefix = f"{repo}/resolve/{COMMIT}/"
            name = path.removeprefix(prefix)
            if not path.startswith(prefix) or name not in files():
                return self._send(404, b"", {"X-Error-Code": "RepoNotFound"}, with_body)
            content = (folder / name).read_bytes()
            if with_body:
                fetched.append(name)
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            return self._send(200, content, {"ETag": etag, "X-Repo-Commit": COMMIT}, with_body)

        def _send(self, code: int, body: bytes, headers: dict[str, str], with_body: bool) -> None:
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    def files() -> dict[str, int]:
        return {
            str(path.relative_to(folder)): path.stat().st_size
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", fetched
    finally:
        server.shutdown()
        server.server_close()
