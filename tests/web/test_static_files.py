from __future__ import annotations

import os
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path

import pytest

from socketio.engine.http import Response
from socketio.web.static_files import StaticFile, StaticFiles


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory `public` with files, and a secret beside it."""
    public = tmp_path / "public"
    (public / "css").mkdir(parents=True)
    (public / "index.html").write_text("<h1>index</h1>")
    (public / "main.txt").write_text("main")
    (public / "css" / "style.css").write_text("body {}")
    (public / "css" / "index.html").write_text("css index")
    (public / "data.bin").write_bytes(b"\0\1\2")
    (public / "a b.txt").write_text("blank")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "public-secret").mkdir()
    (tmp_path / "public-secret" / "key.txt").write_text("secret")
    return tmp_path


def ask(
    mapping: Mapping[str, StaticFile],
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> Response | None:
    return StaticFiles(mapping).respond(path, method, (headers or {}).get)


def get(
    mapping: Mapping[str, StaticFile], path: str, headers: Mapping[str, str] | None = None
) -> Response:
    response = ask(mapping, path, headers=headers)
    assert response is not None, path
    return response


def test_one_file_by_its_exact_path(site: Path) -> None:
    mapping = {"/": str(site / "public/index.html"), "/style": site / "public/css/style.css"}
    response = get(mapping, "/")
    assert response.status == 200
    assert response.body == b"<h1>index</h1>"
    headers = dict(response.headers)
    assert headers["Content-Type"] == "text/html"
    assert headers["Content-Length"] == "14"
    assert get(mapping, "/style").body == b"body {}"
    assert ask(mapping, "/styles") is None
    assert ask(mapping, "/style/more") is None
    assert ask(mapping, "style") is None
    assert ask(mapping, "") is None


@pytest.mark.parametrize("key", ["/static", "/static/"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_directory_with_everything_below_it(site: Path, key: str, slash: str) -> None:
    mapping = {key: str(site / "public") + slash}
    assert get(mapping, "/static/main.txt").body == b"main"
    assert get(mapping, "/static/css/style.css").body == b"body {}"
    assert get(mapping, "/static/a b.txt").body == b"blank"
    assert ask(mapping, "/static/missing.txt") is None
    assert ask(mapping, "/static/css") is None
    assert ask(mapping, "/static/main.txt/") is None
    assert ask(mapping, "/other/main.txt") is None
    assert ask(mapping, "/staticmain.txt") is None


@pytest.mark.parametrize("key", ["/static", "/static/"])
def test_a_path_that_ends_in_a_slash_means_the_default_file(site: Path, key: str) -> None:
    mapping: dict[str, StaticFile] = {key: f"{site}/public/"}
    assert get(mapping, "/static/").body == b"<h1>index</h1>"
    assert get(mapping, "/static/css/").body == b"css index"
    mapping[""] = "main.txt"
    response = get(mapping, "/static/")
    assert (response.body, dict(response.headers)["Content-Type"]) == (b"main", "text/plain")
    mapping[""] = {"filename": "data.bin", "content_type": "application/x-data"}
    response = get(mapping, "/static/")
    assert dict(response.headers)["Content-Type"] == "application/x-data"
    assert response.body == b"\0\1\2"
    assert ask(mapping, "/static/css/") is None


def test_the_default_file_is_no_rule_for_other_paths(site: Path) -> None:
    assert ask({"": str(site / "public/index.html")}, "/anything") is None
    assert ask({"": str(site / "public/index.html")}, "/") is None


def test_the_longest_rule_wins(site: Path) -> None:
    mapping = {"/": f"{site}/public/", "/css/style.css": str(site / "public/main.txt")}
    assert get(mapping, "/css/style.css").body == b"main"
    assert get(mapping, "/main.txt").body == b"main"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("x.css", "text/css"),
        ("x.gif", "image/gif"),
        ("x.html", "text/html"),
        ("x.jpg", "image/jpeg"),
        ("x.js", "application/javascript"),
        ("x.json", "application/json"),
        ("x.png", "image/png"),
        ("x.txt", "text/plain"),
        ("x.tar.gz", "application/octet-stream"),
        ("html", "application/octet-stream"),
    ],
)
def test_content_type_by_extension(tmp_path: Path, name: str, content_type: str) -> None:
    (tmp_path / name).write_text("x")
    response = get({"/files": str(tmp_path)}, f"/files/{name}")
    assert dict(response.headers)["Content-Type"] == content_type


def test_explicit_content_type(site: Path) -> None:
    mapping = {"/": {"filename": str(site / "public/index.html"), "content_type": "text/plain"}}
    assert dict(get(mapping, "/").headers)["Content-Type"] == "text/plain"


@pytest.mark.parametrize("directory", ["public", "public/"])
@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.txt",
        "/static/css/../../secret.txt",
        "/static/css/../main.txt",
        "/static/..",
        "/static/../",
        "/static/./../secret.txt",
        "/static/./main.txt",
        "/static/..\\secret.txt",
        "/static/css\\style.css",
        "/static/%2e%2e/secret.txt",
        "/static/..%2fsecret.txt",
        "/static/main.txt\0.html",
        "/static-secret/key.txt",
    ],
)
def test_nothing_outside_of_the_directory(site: Path, directory: str, path: str) -> None:
    assert ask({"/static": f"{site}/{directory}"}, path) is None
    assert ask({"/static/": f"{site}/{directory}"}, path) is None


def test_an_absolute_path_stays_below_the_directory(site: Path) -> None:
    secret = site / "secret.txt"
    assert ask({"/static": f"{site}/public"}, f"/static{secret}") is None
    assert ask({"/static": f"{site}/public"}, f"/static/{secret}") is None
    assert ask({"/": f"{site}/public"}, f"/{secret}") is None


def test_symbolic_links_that_lead_outside(site: Path) -> None:
    public = site / "public"
    (public / "link.txt").symlink_to(site / "secret.txt")
    (public / "up").symlink_to(site, target_is_directory=True)
    (public / "near").symlink_to(site / "public-secret", target_is_directory=True)
    (public / "inside.txt").symlink_to(public / "main.txt")
    (site / "alias").symlink_to(public, target_is_directory=True)
    mapping = {"/static": str(public), "/alias/": f"{site}/alias/"}
    assert ask(mapping, "/static/link.txt") is None
    assert ask(mapping, "/static/up/secret.txt") is None
    assert ask(mapping, "/static/near/key.txt") is None
    assert get(mapping, "/static/inside.txt").body == b"main"
    # The directory itself may be a link: the user named it.
    assert get(mapping, "/alias/main.txt").body == b"main"
    assert get(mapping, "/alias/").body == b"<h1>index</h1>"


def test_a_default_file_that_leads_outside(site: Path) -> None:
    (site / "public" / "index.html").unlink()
    (site / "public" / "index.html").symlink_to(site / "secret.txt")
    assert ask({"/static": f"{site}/public"}, "/static/") is None
    assert ask({"/static/": f"{site}/public/"}, "/static/") is None


def test_a_file_that_was_named_may_be_anywhere(site: Path) -> None:
    link = site / "public" / "link.txt"
    link.symlink_to(site / "secret.txt")
    assert get({"/named": str(link)}, "/named").body == b"secret"


def test_only_regular_files(site: Path) -> None:
    os.mkfifo(site / "public" / "pipe")
    mapping = {"/static": f"{site}/public", "/pipe": f"{site}/public/pipe"}
    assert ask(mapping, "/static/pipe") is None
    assert ask(mapping, "/pipe") is None
    assert ask(mapping, "/static") is None


def test_head_has_the_headers_and_no_body(site: Path) -> None:
    mapping = {"/static": f"{site}/public"}
    head = ask(mapping, "/static/main.txt", "HEAD")
    assert head is not None
    assert head.status == 200
    assert head.body == b""
    assert head.headers == get(mapping, "/static/main.txt").headers
    assert ("Content-Length", "4") in head.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(site: Path, method: str) -> None:
    response = ask({"/static": f"{site}/public"}, "/static/main.txt", method)
    assert response is not None
    assert response.status == 405
    assert response.reason == "Method Not Allowed"
    assert ("Allow", "GET, HEAD") in response.headers
    assert ask({"/static": f"{site}/public"}, "/static/missing.txt", method) is None


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match(site: Path, method: str) -> None:
    mapping = {"/static": f"{site}/public"}
    etag = dict(get(mapping, "/static/main.txt").headers)["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = ask(mapping, "/static/main.txt", method, {"if-none-match": known})
        assert response is not None
        assert (response.status, response.body) == (304, b""), known
        assert ("ETag", etag) in response.headers
        assert "Content-Length" not in dict(response.headers)
    other = get(mapping, "/static/main.txt", {"if-none-match": '"other"'})
    assert (other.status, other.body) == (200, b"main")


def test_a_changed_file_has_another_etag(site: Path) -> None:
    mapping = {"/static": f"{site}/public"}
    etag = dict(get(mapping, "/static/main.txt").headers)["ETag"]
    (site / "public" / "main.txt").write_text("changed")
    response = get(mapping, "/static/main.txt", {"if-none-match": etag})
    assert (response.status, response.body) == (200, b"changed")


def test_if_modified_since(site: Path) -> None:
    mapping = {"/static": f"{site}/public"}
    os.utime(site / "public" / "main.txt", (1_000_000_000.7, 1_000_000_000.7))
    path = "/static/main.txt"
    modified = dict(get(mapping, path).headers)["Last-Modified"]
    assert modified == "Sun, 09 Sep 2001 01:46:40 GMT"

    def status(date: str, **more: str) -> int:
        return get(mapping, path, {"if-modified-since": date, **more}).status

    assert status(modified) == 304
    assert status(formatdate(1_000_000_001, usegmt=True)) == 304
    assert status(formatdate(999_999_999, usegmt=True)) == 200
    assert status("yesterday") == 200
    assert status("Sun, 09 Sep 2001 01:46:40 -0000") == 304
    # The entity tag has the last word.
    assert status(modified, **{"if-none-match": '"other"'}) == 200


@pytest.mark.parametrize(
    "mapping",
    [
        {"/": 7},
        {"/": {"content_type": "text/html"}},
        {"/": {"filename": 7}},
        {"/": {"filename": "x", "content_type": 7}},
        {7: "x"},
        {"": None},
    ],
)
def test_an_impossible_mapping_is_refused_at_construction(mapping: dict[str, StaticFile]) -> None:
    with pytest.raises(TypeError, match=r"static_files.*(7|filename)"):
        StaticFiles(mapping)


def test_the_mapping_may_change(site: Path) -> None:
    mapping: dict[str, StaticFile] = {}
    files = StaticFiles(mapping)
    assert files.respond("/a", "GET", {}.get) is None
    mapping["/a"] = str(site / "public/main.txt")
    response = files.respond("/a", "GET", {}.get)
    assert response is not None and response.body == b"main"
