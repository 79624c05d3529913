"""A small RTSP server for tests (RFC 2326): MPEG-TS in RTP (payload 33) over the control connection.

client ──OPTIONS, DESCRIBE, SETUP, PLAY──▶ server
       ◀── $ 0 length RTP: 7 x 188 bytes of MPEG-TS ──
"""

import base64
import contextlib
import socket
import struct
import threading
import time

PACKET = 7 * 188
SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=line\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track1\r\n"


class RtspServer:
    """Serves the same MPEG-TS to every client.

    login   USER:PASSWORD that a client must give, "" for none
    breaks  after so many packets the connection is closed, once for each number; then all is sent
    stalls  after so many packets nothing more is sent, and the connection stays open; None: never
    """

    def __init__(self, stream, *, login="", breaks=(), stalls=None):
        self.stream, self.login, self.breaks, self.stalls = stream, login, list(breaks), stalls
        self.clients = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self._done.set()
        self._socket.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection, contextlib.suppress(OSError):
                    self._talk(connection)

    def _talk(self, connection):
        waiting = connection.makefile("rb")
        while True:
            lines = []
            while line := waiting.readline().strip().decode():
                lines.append(line)
            if not lines:
                return
            method, url = lines[0].split()[:2]
            headers = {
                k.lower(): v.strip() for k, _, v in (each.partition(":") for each in lines[1:])
            }
            answer = [f"CSeq: {headers['cseq']}"]
            body = ""
            allowed = "Basic " + base64.b64encode(self.login.encode()).decode()
            if self.login and method != "OPTIONS" and headers.get("authorization") != allowed:
                self._answer(
                    connection,
                    "401 Unauthorized",
                    [*answer, 'WWW-Authenticate: Basic realm="line"'],
                )
                continue
            if method == "OPTIONS":
                answer.append("Public: DESCRIBE, SETUP, PLAY, TEARDOWN")
            elif method == "DESCRIBE":
                body = SDP
                answer += ["Content-Type: application/sdp", f"Content-Base: {url}/"]
            elif method == "SETUP":
                answer += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1"]
            elif method == "PLAY":
                answer.append("Session: 1")
            self._answer(connection, "200 OK", answer, body)
            if method == "TEARDOWN":
                return
            if method == "PLAY":
                self._play(connection)
                return

    def _answer(self, connection, status, headers, body=""):
        if body:
            headers = [*headers, f"Content-Length: {len(body)}"]
        connection.sendall("\r\n".join([f"RTSP/1.0 {status}", *headers, "", body]).encode())

    def _play(self, connection):
        self.clients += 1
        last = self.breaks.pop(0) if self.breaks else None
        for number, start in enumerate(range(0, len(self.stream), PACKET)):
            if number == last:
                return
            if number == self.stalls:
                self._done.wait(30)
                return
            header = struct.pack(">BBHII", 0x80, 33, number % 2**16, number * 900, 7)
            packet = header + self.stream[start : start + PACKET]
            connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
            time.sleep(0.001)
        connection.shutdown(socket.SHUT_WR)
        self._done.wait(0.5)
