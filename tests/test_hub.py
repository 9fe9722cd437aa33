"""Downloads from a server that misbehaves, what they leave, and repositories with a hubconf.py."""

import hashlib
import http.server
import io
import os
import socket
import threading
import zipfile

import pytest

import flambeau as fl
from flambeau import hub

CONTENT = bytes(range(256)) * 2000


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.cuts, self.etag, self.content = [], [], '"one"', CONTENT
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        server, path = self.server, self.path.split("?")[0]
        asked = self.headers.get("Range")
        server.asked.append((path, asked, self.headers.get("If-Range")))
        if path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/file-" + hashlib.sha256(CONTENT).hexdigest()[:8] + ".pth")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path == "/none":
            self.send_error(404)
        elif path == "/stall":
            self.begin(200, len(CONTENT))
            self.wfile.write(CONTENT[:1000])
            self.wfile.flush()
            threading.Event().wait(3)
        elif path == "/garbage":
            self.wfile.write(b"no http at all\r\n\r\n")
            self.close_connection = True
        else:
            self.send_content(path, asked)

    def begin(self, status, length, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send_content(self, path, asked):
        server, start, content = self.server, 0, self.server.content
        headers = {} if path == "/forgetful" else {"ETag": server.etag, "Accept_Ranges": "bytes"}
        same = self.headers.get("If-Range") in (None, server.etag)
        if asked and same and path not in ("/ignores", "/forgetful"):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.begin(416, 0)
                return
            shown = start + 7 if path == "/confused" else start
            headers["Content_Range"] = f"bytes {shown}-{len(content) - 1}/{len(content)}"
        length = len(content) - start + (100 if path == "/long" else 0)
        self.begin(206 if "Content_Range" in headers else 200, length, **headers)
        end = len(content) if not server.cuts else min(len(content), start + server.cuts.pop(0))
        self.wfile.write(content[start:end])
        if end < len(content) or path == "/long":
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True


@pytest.fixture
def server():
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


def fetched(server, path, folder, **options):
    hub.download_url_to_file(server.url(path), str(folder / "out"), progress=False, **options)
    return (folder / "out").read_bytes()


def test_a_connection_that_breaks_is_taken_up_again(server, tmp_path):
    server.cuts = [10_000, 20_000]
    assert fetched(server, "/file", tmp_path) == CONTENT
    assert [asked for _, asked, _ in server.asked] == [None, "bytes=10000-", "bytes=30000-"]
    assert server.asked[1][2] == '"one"' and os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("path", ["/ignores", "/forgetful"])
def test_a_server_that_begins_again(server, tmp_path, path):
    server.cuts = [10_000]
    assert fetched(server, path, tmp_path) == CONTENT


def test_another_call_goes_on(server, tmp_path):
    server.cuts = [50_000, 0]
    with pytest.raises(ConnectionError, match="the connection ended after 50000 of 512000 bytes"):
        fetched(server, "/file", tmp_path)
    (left,) = os.listdir(tmp_path)
    assert left.startswith(".out.") and left.endswith(".partial")
    server.cuts, server.asked = [], []
    assert fetched(server, "/file", tmp_path, hash_prefix=hashlib.sha256(CONTENT).hexdigest()) == CONTENT
    assert server.asked == [("/file", "bytes=50000-", '"one"')] and os.listdir(tmp_path) == ["out"]


def test_a_file_that_has_changed_meanwhile(server, tmp_path):
    server.cuts = [50_000, 0]
    with pytest.raises(ConnectionError):
        fetched(server, "/file", tmp_path)
    server.cuts, server.etag, server.content = [], '"two"', CONTENT[::-1]
    assert fetched(server, "/file", tmp_path) == CONTENT[::-1]


def test_a_part_that_is_longer_than_the_file(server, tmp_path):
    server.cuts = [50_000, 0]
    with pytest.raises(ConnectionError):
        fetched(server, "/file", tmp_path)
    server.cuts, server.content = [], CONTENT[:20_000]
    assert fetched(server, "/file", tmp_path) == CONTENT[:20_000]


def test_what_cannot_go_on_leaves_nothing(server, tmp_path):
    server.cuts = [1000, 0, 0]
    with pytest.raises(ConnectionError):
        fetched(server, "/forgetful", tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "path, error, text",
    [
        ("/none", OSError, "404"),
        ("/garbage", OSError, "garbage|broken"),
        ("/long", ConnectionError, "ended after 512000 of 512100"),
    ],
)
def test_answers_that_are_wrong(server, tmp_path, path, error, text):
    with pytest.raises(error, match=text):
        fetched(server, path, tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_server_that_sends_another_part(server, tmp_path):
    server.cuts = [1000]
    with pytest.raises(ConnectionError, match="asked for the bytes from 1000 on, got bytes 1007"):
        fetched(server, "/confused", tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_server_that_says_nothing(server, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "TIMEOUT", 0.3)
    with pytest.raises(TimeoutError):
        fetched(server, "/stall", tmp_path)
    assert os.listdir(tmp_path) == []


def test_nobody_there(tmp_path):
    with pytest.raises(OSError, match="refused"):
        hub.download_url_to_file("http://127.0.0.1:9/x", str(tmp_path / "out"), progress=False)
    assert os.listdir(tmp_path) == []


def test_checksums(server, tmp_path):
    digits = hashlib.sha256(CONTENT).hexdigest()
    assert fetched(server, "/redirect", tmp_path, hash_prefix=digits[:8]) == CONTENT
    (tmp_path / "out").unlink()
    with pytest.raises(RuntimeError, match='invalid hash value .expected "00000000", got "' + digits):
        fetched(server, "/file", tmp_path, hash_prefix="00000000")
    assert os.listdir(tmp_path) == []


def checkpoint():
    file = io.BytesIO()
    fl.save({"w": fl.arange(3.0)}, file)
    return file.getvalue()


def test_state_dicts(server, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    server.content = checkpoint()
    name = f"model-{hashlib.sha256(server.content).hexdigest()[:8]}.pth"
    for _ in range(2):
        state = hub.load_state_dict_from_url(server.url(f"/{name}?x=1"), progress=False, check_hash=True)
        assert state["w"].tolist() == [0, 1, 2]
    assert len(server.asked) == 1 and os.listdir(tmp_path / "home" / "hub" / "checkpoints") == [name]
    with pytest.raises(RuntimeError, match="invalid hash"):
        hub.load_state_dict_from_url(server.url("/model-00000000.pth"), progress=False, check_hash=True)
    assert os.listdir(tmp_path / "home" / "hub" / "checkpoints") == [name]
    options = {
        "model_dir": str(tmp_path / "other"),
        "file_name": "mine.pt",
        "map_location": "cpu",
        "weights_only": True,
    }
    assert hub.load_state_dict_from_url(server.url("/file"), progress=False, **options)["w"].shape == (3,)
    assert os.listdir(tmp_path / "other") == ["mine.pt"]
    hub.set_dir(tmp_path / "set")
    try:
        assert hub.get_dir() == str(tmp_path / "set")
    finally:
        hub._folder = None


def test_checkpoints_in_zip_archives_of_one_file(server, tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        old = io.BytesIO()
        fl.save({"w": fl.arange(3.0)}, old, _use_new_zipfile_serialization=False)
        archive.writestr("model.pth", old.getvalue())
    server.content = file.getvalue()
    with pytest.warns(DeprecationWarning, match="old format"):
        state = hub.load_state_dict_from_url(server.url("/model.zip"), str(tmp_path), progress=False)
    assert state["w"].tolist() == [0, 1, 2]


HUBCONF = """
import helper
dependencies = ["os"]

def model(n, scale=1):
    "A model of n."
    return helper.make(n) * scale

def _hidden():
    pass
"""


def repository(folder):
    folder.mkdir()
    (folder / "hubconf.py").write_text(HUBCONF)
    (folder / "helper.py").write_text("import flambeau\ndef make(n):\n    return flambeau.ones(n)\n")
    return str(folder)


def test_folders_with_models(tmp_path):
    folder = repository(tmp_path / "repo")
    assert hub.load(folder, "model", 2, scale=3, source="local").tolist() == [3, 3]
    assert hub.list(folder) == ["model"] and hub.help(folder, "model") == "A model of n."
    for act, error, text in (
        (lambda: hub.load(folder, "none", source="local"), RuntimeError, "Cannot find callable none"),
        (lambda: hub.load(folder, 3, source="local"), ValueError, "string of function name"),
        (lambda: hub.load(folder, "model", source="web"), ValueError, 'Unknown source: "web"'),
        (lambda: hub.load(str(tmp_path), "model", source="local"), FileNotFoundError, "no hubconf.py"),
        (lambda: hub.load("nonsense", "model"), ValueError, "owner/name"),
    ):
        with pytest.raises(error, match=text):
            act()
    (tmp_path / "repo" / "hubconf.py").write_text("dependencies = ['no_such_package']\ndef model():\n    pass\n")
    with pytest.raises(RuntimeError, match="Missing dependencies: no_such_package"):
        hub.load(folder, "model", source="local")


def test_repositories_are_fetched_when_they_are_trusted(server, tmp_path, monkeypatch):
    repository(tmp_path / "repo")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("hubconf.py", "helper.py"):
            archive.write(tmp_path / "repo" / name, f"owner-name-123/{name}")
    server.content = file.getvalue()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(hub, "GITHUB", server.url(""))
    answers = []
    monkeypatch.setattr("builtins.input", lambda text: answers.pop(0))
    for answer, error in (("n", RuntimeError), ("", RuntimeError), ("what", ValueError)):
        answers.append(answer)
        with pytest.raises(error):
            hub.load("owner/name:main", "model", 2)
    assert server.asked == []
    answers.append("y")
    assert hub.load("owner/name:main", "model", 2).tolist() == [1, 1]
    assert server.asked[0][0] == "/owner/name/zipball/main"
    assert hub.list("owner/name:main", verbose=False) == ["model"] and len(server.asked) == 1
    assert hub.load("owner/name:main", "model", 1, trust_repo=True, force_reload=True).tolist() == [1]
    assert len(server.asked) == 2 and answers == []
