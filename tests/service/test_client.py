from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from learners.features import Example
from service.client import Client, Refused, Unreachable
from service.process import Process

LESSON = Example("client", {"links": 3}, "spam")


def _message(wire: socket.socket) -> bytes:
    """A whole request or answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += wire.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += wire.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def forgetful(server: Process) -> Iterator[str]:
    """The address of a wire that passes the first request on and loses its answer."""
    target = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    with socket.create_server(("127.0.0.1", 0)) as wire:

        def carry() -> None:
            lose = True
            while True:
                try:
                    near, _ = wire.accept()
                except OSError:  # the test is over
                    return
                with near, socket.create_connection(target) as far:
                    far.sendall(_message(near))
                    answer = _message(far)
                    if not lose:
                        near.sendall(answer)
                    lose = False

        thread = threading.Thread(target=carry)
        thread.start()
        yield f"http://127.0.0.1:{wire.getsockname()[1]}"
        wire.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_with_an_id_a_lost_answer_is_asked_for_again(client: Client, forgetful: str) -> None:
    lesson = LESSON._replace(task="lost answer", id="lost-1")
    with Client(forgetful, patience=10) as shaky:
        answer = shaky.learn_one(lesson)
    assert (answer["seen"], answer["version"]) == (0, 1)
    assert client.task("lost answer")["seen"] == 1


def test_without_an_id_it_is_not(client: Client, forgetful: str) -> None:
    with Client(forgetful, patience=10) as shaky, pytest.raises(Unreachable):
        shaky.learn_one(LESSON._replace(task="lost without id"))
    assert client.task("lost without id")["seen"] == 1


def test_a_prediction_is(client: Client, forgetful: str) -> None:
    with Client(forgetful, patience=10) as shaky:
        assert shaky.predict_one(LESSON._replace(task="nobody at all"))["seen"] == 0


def test_lines_are_answered_one_by_one_and_a_bad_one_is_told(client: Client) -> None:
    lessons = [LESSON._replace(task="lines", features={"n": i}) for i in range(25)]
    lessons[7] = lessons[7]._replace(features={"n": {"m": "text"}})
    items = list(client.learn_lines(lessons, together=10))
    assert [item["status"] for item in items] == [200] * 7 + [422] + [200] * 17
    assert [item["seen"] for item in client.predict_lines(lessons[:3], together=2)] == [24] * 3


def test_of_an_array_all_must_be_good(client: Client) -> None:
    bad = LESSON._replace(task="array", features={"n": {"m": "text"}})
    with pytest.raises(Refused, match="^example 1: features") as caught:
        client.learn([LESSON._replace(task="array"), bad])
    assert (caught.value.code, caught.value.status) == ("invalid-example", 422)
    assert client.task("array")["seen"] == 1


def test_weights_are_sent(client: Client) -> None:
    with pytest.raises(Refused, match="weight: -2"):
        client.learn_one(LESSON._replace(weight=-2.0))


def test_pairs_and_pages(client: Client) -> None:
    client.learn([LESSON._replace(task=f"pair {i}") for i in range(3)])
    assert len(client.relations(top=2)["pairs"]) == 2
    assert {"pair 0", "pair 1", "pair 2"} <= set(client.tasks())
    assert client.delete("pair 0")
    assert not client.delete("pair 0")


def test_what_is_no_service_is_told(client: Client) -> None:
    with pytest.raises(ValueError, match="write http://HOST:PORT"):
        Client("localhost:8000")
    with Client(client.url + "/elsewhere") as lost, pytest.raises(Refused) as caught:
        lost.state()
    assert caught.value.code == "not-found"
