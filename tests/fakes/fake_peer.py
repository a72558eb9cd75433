"""A server of the standard library that gives every text the same answer.

Run as `fake_peer.py --port=N [--label=joy] [--fail]`. With --fail it ends with an error instead.
"""

from __future__ import annotations

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    label = "joy"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"label": self.label, "score": 0.9}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # 64 callers connect at once; with the default of 5 some are dropped


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--label", default=Handler.label)
    parser.add_argument("--fail", action="store_true")
    args = parser.parse_args()
    if args.fail:
        raise RuntimeError("there is no model here")
    Handler.label = args.label
    server = Server(("127.0.0.1", args.port), Handler)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
