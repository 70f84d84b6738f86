"""An installation of several machines: each has a network and a folder of its own, and nothing in common with the others but
the database, the object store and the wire.

A machine is a network namespace of Linux, which only root can make. Before them stands nginx, as in docs/deploy.
"""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import SHUT_RDWR, create_connection, socket
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from tests.backup.conftest import PG_BIN
from tests.source_guards import ROOT

NETWORK = "10.213"  # of the wires: the host is .n.1, machine n is .n.2
PORT = 8000
PROGRAMS = tuple(shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") for name in ("ip", "nginx"))
CAN_BE_MADE = os.geteuid() == 0 and all(PROGRAMS)
SHARED = ("keys.json", "codes.json", "seal")  # what docs/install.md has copied from the first machine to each other one
START_SECONDS = 120
COMMAND = ("-m", "app.cli")
PROCESSES = {
    "web": ("serve", "--no-worker", "--workers", "1", "--host", "0.0.0.0", "--port", str(PORT)),  # noqa: S104
    "worker": ("worker",),
}
FRONT = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream anguan {{
        {servers}
    }}
    server {{
        listen {port};
        client_max_body_size 64m;
        proxy_connect_timeout 1s;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        location / {{ proxy_pass http://anguan; }}
    }}
}}
"""


def ip(*words: str) -> None:
    subprocess.run([PROGRAMS[0], *words], check=True)


@dataclass
class Machine:
    """A folder, a network, a web process and a worker."""

    number: int
    home: Path
    given: Mapping[str, str]
    running: dict[str, subprocess.Popen] = field(default_factory=dict)
    HOST: ClassVar = "HOST-OF-THE-MACHINE"  # stands in ``given`` for the address by which it reaches what is shared

    @property
    def name(self) -> str:
        return f"anguan-{self.number}"

    @property
    def address(self) -> str:
        return f"{NETWORK}.{self.number}.2"

    @property
    def url(self) -> str:
        return f"http://{self.address}:{PORT}"

    @property
    def host(self) -> str:
        """The address by which it reaches the database and the object store."""
        return f"{NETWORK}.{self.number}.1"

    @property
    def wire(self) -> str:
        return f"anguan{self.number}"

    @contextmanager
    def wired(self) -> Iterator[None]:
        ip("netns", "add", self.name)
        nowhere = ("unreachable", f"{NETWORK}.{self.number}.0/30", "metric", "1000")  # not to the world, while it is cut off
        ip("route", "add", *nowhere)
        try:
            ip("link", "add", self.wire, "type", "veth", "peer", "name", "eth0", "netns", self.name)
            ip("addr", "add", f"{self.host}/30", "dev", self.wire)
            ip("link", "set", self.wire, "up")
            ip("-n", self.name, "addr", "add", f"{self.address}/30", "dev", "eth0")
            for device in ("eth0", "lo"):
                ip("-n", self.name, "link", "set", device, "up")
            yield
        finally:
            ip("route", "del", *nowhere)
            ip("netns", "del", self.name)  # and its wire

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of ours, on this machine."""
        return subprocess.run([*self._python, *COMMAND, *words], **self._here, capture_output=True, text=True, check=False)

    def start(self, what: str) -> None:
        """Its ``web`` or its ``worker``."""
        with (self.home / f"{what}.log").open("ab") as log:
            command = [*self._python, *COMMAND, *PROCESSES[what]]
            self.running[what] = subprocess.Popen(command, **self._here, stdout=log, stderr=log, start_new_session=True)

    def start_program(self, what: str, text: str, *words: str) -> subprocess.Popen[str]:
        """A process called ``what`` that runs this text of Python."""
        command = [*self._python, "-c", text, *words]
        self.running[what] = subprocess.Popen(
            command, **self._here, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        return self.running[what]

    @property
    def _python(self) -> tuple[str, ...]:
        return PROGRAMS[0], "netns", "exec", self.name, sys.executable

    @property
    def _here(self) -> dict[str, Any]:
        outside = {name: value for name, value in os.environ.items() if not name.startswith("ANGUAN_")}
        given = {name: value.replace(self.HOST, self.host) for name, value in self.given.items()}
        return {"cwd": ROOT, "env": {**outside, **given, "ANGUAN_HOME": str(self.home), "PYTHONPATH": str(ROOT)}}

    def kill(self, what: str) -> None:
        """The process and all that it started, at once."""
        os.killpg(self.running[what].pid, signal.SIGKILL)
        self.running[what].wait()

    def stop(self) -> None:
        for process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def lose_power(self) -> None:
        """Nobody is told: neither the database nor the proxy hears of it."""
        self.cut_off()
        for what in self.running:
            self.kill(what)

    def cut_off(self) -> None:
        ip("link", "set", self.wire, "down")

    def connect(self) -> None:
        ip("link", "set", self.wire, "up")

    def answers(self, path: str = "/healthz") -> int:
        """The status of this page; 0 if there is no answer."""
        connection = http.client.HTTPConnection(self.address, PORT, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def await_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.answers() != 200:
            assert time.monotonic() < deadline, (self.home / "web.log").read_text()[-2000:]
            time.sleep(0.2)


@contextmanager
def relayed(places: Mapping[int, int]) -> Iterator[None]:
    """Whoever connects to one of these ports of the host talks to this port of 127.0.0.1."""

    def pump(source: socket, sink: socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(SHUT_RDWR)  # wakes who reads there in the other thread, which a close would not

    class Relay(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), create_connection(("127.0.0.1", places[self.server.server_address[1]])) as there:
                back = Thread(target=pump, args=(there, self.request), daemon=True)
                back.start()
                pump(self.request, there)

    with ExitStack() as running:
        for port in places:
            server = running.enter_context(ThreadingTCPServer(("0.0.0.0", port), Relay))  # noqa: S104
            server.daemon_threads, server.block_on_close = True, False
            Thread(target=server.serve_forever, daemon=True).start()
            running.callback(server.shutdown)
        yield


@contextmanager
def database_server(folder: Path, port: int) -> Iterator[str]:
    """The URL of a PostgreSQL that listens to the machines, too, and keeps what it is told (those of other tests do not)."""
    shutil.chown(folder, "pgserver")  # whom the package has made: root may not start one
    data = folder / "data"

    def run(program: str, *words: str | Path) -> None:
        command = [PG_BIN / program, "-D", data, *words]
        subprocess.run(command, check=True, user="pgserver", cwd=folder, stdout=subprocess.DEVNULL)

    run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8")
    with (data / "pg_hba.conf").open("a") as allowed:
        allowed.write(f"host all all {NETWORK}.0.0/16 trust\n")
    run("pg_ctl", "-w", "-l", folder / "log", "-o", f"-p {port} -k {folder} -c listen_addresses=*", "start")
    try:
        yield f"postgresql://postgres:@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")


@contextmanager
def nginx(folder: Path, port: int, machines: Iterable[Machine]) -> Iterator[str]:
    """The address of the proxy before these machines."""
    folder.mkdir()
    servers = "\n".join(f"server {machine.address}:{PORT} max_fails=1 fail_timeout=1s;" for machine in machines)
    (folder / "nginx.conf").write_text(FRONT.format(folder=folder, port=port, servers=servers))
    process = subprocess.Popen([PROGRAMS[1], "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def through(address: str) -> Callable:
    """A WSGI application that asks the server at this address: what drives an application in a test drives that server."""
    place = urlsplit(address)

    def application(environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        target = quote(environ["PATH_INFO"].encode("latin-1"))
        query = environ.get("QUERY_STRING")
        headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        headers |= {"Content-Type": environ["CONTENT_TYPE"]} if environ.get("CONTENT_TYPE") else {}
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=70)
        with ExitStack() as after:
            after.callback(connection.close)
            connection.request(environ["REQUEST_METHOD"], f"{target}?{query}" if query else target, body or None, headers)
            answer = connection.getresponse()
            data = answer.read()
        kept = [
            (name, value) for name, value in answer.getheaders() if name.lower() not in {"connection", "transfer-encoding"}
        ]
        start_response(f"{answer.status} {answer.reason}", kept)
        return [data]

    return application
