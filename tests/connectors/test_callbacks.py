"""Tokens of callbacks: what they name, and that nobody else can make one."""

import pytest

from connectors.callbacks import (
    MAX_TOKEN_CHARS,
    CallbackInvalid,
    Callbacks,
    CallbackUnknown,
    filled_in,
    item_of,
    key_of,
    token,
)

KEY = key_of("k" * 32)
OTHER_KEY = key_of("o" * 32)
CALLBACKS = Callbacks((KEY,), "https://cases.example/")
URL = f"https://cases.example/api/v1/callbacks/{token(KEY, 'order-1:7')}"


@pytest.mark.parametrize("item", ["order-1:7", "a:1", "order-1.2.3:4", "Ü:1", "x" * 64 + ".1:1"])
def test_a_token_names_its_item(item: str) -> None:
    assert item_of([KEY], token(KEY, item)) == item


def test_a_token_is_the_same_for_every_attempt_and_fits_into_a_url() -> None:
    assert token(KEY, "order-1:7") == token(KEY, "order-1:7")
    assert set(token(KEY, "order-1.2:7")) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(CallbackInvalid, match="not signed here"):
        item_of([KEY], token(OTHER_KEY, "order-1:7"))


def test_a_replaced_key_still_opens_what_it_signed() -> None:
    renewed = Callbacks((OTHER_KEY, KEY))
    assert renewed.item(token(KEY, "order-1:7")) == "order-1:7"
    assert renewed.token("order-1:7") == token(OTHER_KEY, "order-1:7")


def test_no_letter_of_a_token_can_be_changed() -> None:
    good = token(KEY, "order-1:7")
    for index, letter in enumerate(good):
        changed = good[:index] + ("A" if letter != "A" else "B") + good[index + 1 :]
        with pytest.raises(CallbackInvalid):
            item_of([KEY], changed)


def test_a_signature_does_not_fit_another_item() -> None:
    head, _, signature = token(KEY, "order-1:7").rpartition(".")
    other = token(KEY, "order-2:7").rpartition(".")[0]
    assert head != other
    with pytest.raises(CallbackInvalid):
        item_of([KEY], f"{other}.{signature}")


@pytest.mark.parametrize(
    "given", ["", "c1", "c1..", "é", "c2.YQ." + "A" * 43, "c1.YQ." + "A" * 42, "c1.\n." + "A" * 43]
)
def test_what_is_no_token_is_refused(given: str) -> None:
    with pytest.raises(CallbackInvalid, match="not a callback token"):
        item_of([KEY], given)


def test_a_very_long_token_is_not_looked_at() -> None:
    with pytest.raises(CallbackInvalid):
        item_of([KEY], token(KEY, "a" * MAX_TOKEN_CHARS))


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        key_of("short")


def test_there_are_no_callbacks_without_a_key() -> None:
    with pytest.raises(ValueError, match="key"):
        Callbacks(())


def test_the_key_is_not_shown() -> None:
    assert repr(KEY) not in repr(CALLBACKS)


def test_the_url_stands_wherever_a_config_asks_for_it() -> None:
    config = {"body": {"to": [{"callback": "url"}, "x"]}, "query": {"back": {"callback": {"item": "order-1:9"}}}}
    filled = filled_in(config, "order-1:7", CALLBACKS)
    assert filled["body"] == {"to": [URL, "x"]}
    assert filled["query"]["back"] == CALLBACKS.url("order-1:9")


def test_what_only_looks_like_it_stays() -> None:
    config = {"callback": True, "a": {"callback": 5}, "b": {"callback": {"item": 5}}, "c": {"callback": "url", "d": 1}}
    assert filled_in(config, "order-1:7", CALLBACKS) == config


def test_an_item_gives_away_no_callback_of_another_case() -> None:
    with pytest.raises(CallbackUnknown, match="not an item of this case"):
        filled_in({"callback": {"item": "order-2:1"}}, "order-1:7", CALLBACKS)


def test_without_a_public_url_there_is_none_to_send() -> None:
    with pytest.raises(CallbackUnknown, match="public URL"):
        filled_in({"callback": "url"}, "order-1:7", Callbacks((KEY,)))
