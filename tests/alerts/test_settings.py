"""Where alerts go is read from the environment, or the start ends."""

import pytest

from acton_hub import environment


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password", "tls", "ssl"),
    [
        ("smtp://127.0.0.1", "127.0.0.1", None, None, None, False, False),
        ("smtp+tls://hub:p%40ss@mail.example.com:587", "mail.example.com", 587, "hub", "p@ss", True, False),
        ("smtp+ssl://hub:word@mail.example.com:465", "mail.example.com", 465, "hub", "word", False, True),
    ],
)
def test_a_mail_server_is_one_url(
    url: str, host: str, port: int | None, user: str | None, password: str | None, tls: bool, ssl: bool
) -> None:
    found = environment.email_url(url)
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == (host, port)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == (user, password)
    assert (found.get("EMAIL_USE_TLS", False), found.get("EMAIL_USE_SSL", False)) == (tls, ssl)


@pytest.mark.parametrize("url", ["mail.example.com", "http://mail.example.com", "smtp://", "smtps://mail.example.com"])
def test_what_is_no_mail_server_stops_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="expected smtp"):
        environment.email_url(url)


@pytest.mark.parametrize("url", ["hooks.example.com", "ftp://hooks.example.com", "https://user:word@hooks.example.com"])
def test_what_is_no_webhook_stops_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="expected an http"):
        environment.webhook_url(url)
