"""A stand-in for Twilio's Messages endpoint, spoken to by the real client over HTTP."""

import contextlib
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the stand-in does with one message instead of taking it.

    ``code`` is Twilio's error number in a JSON body; without one the body is plain text, as a
    broken gateway sends. ``hang`` waits that many seconds first. ``reset`` cuts the connection.
    ``is_taken``: the message goes out all the same, only the answer is lost.
    """

    status: int = 400
    code: int | None = None
    message: str = "refused"
    hang: float = 0
    reset: bool = False
    is_taken: bool = False


@dataclass(kw_only=True)
class Twilio:
    """``messages`` holds the form fields of each message taken; ``answers`` is used up in order."""

    port: int = 0
    messages: list[dict[str, str]] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def clear(self) -> None:
        self.messages.clear()
        self.answers.clear()
        self.requests = 0

    def to(self, phone: str) -> list[str]:
        """Return the bodies sent to a number, oldest first."""
        return [message["Body"] for message in self.messages if message["To"] == phone]

    def receive(self, fields: dict[str, str]) -> tuple[Answer | None, str]:
        with self.lock:
            self.requests += 1
            answer = self.answers.popleft() if self.answers else None
            sid = f"SM{self.requests:032x}"
            if answer is None or answer.is_taken:
                self.messages.append({**fields, "sid": sid})
            return answer, sid


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    twilio: Twilio

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        fields = dict(parse_qsl(self.rfile.read(length).decode()))
        answer, sid = self.twilio.receive(fields)
        if answer is None:
            self.reply(201, self.accepted(fields, sid))
        else:
            self.refuse(answer)

    def accepted(self, fields: dict[str, str], sid: str) -> str:
        found = {"sid": sid, "status": "queued", "to": fields["To"], "body": fields["Body"]}
        return json.dumps({**found, "from": fields.get("From"), "error_code": None})

    def refuse(self, answer: Answer) -> None:
        if answer.hang:
            time.sleep(answer.hang)
        if answer.reset:
            # Closing with linger zero sends a reset, not a polite end.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
            return
        content = {"code": answer.code, "message": answer.message, "status": answer.status}
        self.reply(answer.status, json.dumps(content) if answer.code else answer.message)

    def reply(self, status: int, body: str) -> None:
        with contextlib.suppress(OSError):  # The client may have given up.
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextlib.contextmanager
def running_twilio() -> Iterator[Twilio]:
    """Start the stand-in; its ``url`` fits TWILIO_BASE_URL."""
    twilio = Twilio()
    handler = type("BoundHandler", (Handler,), {"twilio": twilio})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    twilio.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield twilio
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
