"""`{{ CEL }}` in a configuration: alone it keeps its type, in a URL it is encoded, null is refused, secrets stay."""

from time import process_time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.data.expressions import ExpressionFailed, ExpressionSyntax, Template, TemplateFailed
from tests.data.documents import TEXTS


def rendered(value: Any, **data: Any) -> Any:
    return Template(value).render(data)


@pytest.mark.parametrize("value", [1, 1.5, True, "x", [1, {"a": None}], {"a": {"b": []}}, {}])
def test_alone_in_a_string_an_expression_keeps_its_type(value: Any) -> None:
    assert rendered("{{ v }}", v=value) == value
    assert type(rendered("{{v}}", v=value)) is type(value)
    assert rendered({"body": ["  {{ v }} "]}, v=value) == {"body": [value]}


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (1.5, "1.5"), (True, "true"), ("é", "é"), ([1, "a"], '[1,"a"]'), ({"a": None}, '{"a":null}')],
)
def test_inside_a_longer_string_its_value_becomes_text(value: Any, text: str) -> None:
    assert rendered("<{{ v }}>", v=value) == f"<{text}>"


def test_a_string_may_have_several_expressions() -> None:
    assert rendered("{{ a }}{{ b }}", a=1, b=2) == "12"
    assert rendered("{{ a }} and {{ b + 1 }}!", a=1, b=2) == "1 and 3!"


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ {'a': 1} }}", {"a": 1}),
        ("{{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("{{ {'a': {'b': 1}}['a']['b'] }}", 1),
        ("{{{'a': 1}}}", {"a": 1}),
        ("{{ '}}' }}", "}}"),
        ("{{ '{{' + v }}", "{{x"),
        ('{{ "}}" + \'"\' }}', '}}"'),
        ("{{ r'\\' + v }}", "\\x"),
        ("a }} b", "a }} b"),
        ("{ a } {", "{ a } {"),
        ("", ""),
        ("{{ '''}}''' }}.", "}}."),
    ],
)
def test_an_expression_ends_at_the_braces_that_close_it(template: str, value: Any) -> None:
    assert rendered(template, v="x") == value


def test_what_an_expression_gives_is_not_filled_in_again() -> None:
    assert rendered("{{ v }} {{ v }}", v="{{ w }}", w="no") == "{{ w }} {{ w }}"


@given(TEXTS)
def test_in_a_url_every_value_is_percent_encoded(text: str) -> None:
    assume(text not in (".", ".."))
    url = rendered({"url": "https://a/{{ v }}?q={{ v }}"}, v=text)["url"]
    path, _, query = url.removeprefix("https://a/").partition("?q=")
    assert path == query and not set(path) & set("/?#&=+ %é") - {"%"}


def test_in_a_url_an_expression_alone_is_encoded_too() -> None:
    assert rendered({"url": "{{ v }}"}, v="a/../b?c") == {"url": "a%2F..%2Fb%3Fc"}
    assert rendered({"url": "{{ n }}"}, n=12) == {"url": "12"}


def test_only_a_url_is_encoded() -> None:
    config = {"url": "https://a/{{ v }}", "query": {"q": "{{ v }}"}, "body": {"url_of": "{{ v }}"}}
    assert rendered(config, v="a b") == {"url": "https://a/a%20b", "query": {"q": "a b"}, "body": {"url_of": "a b"}}


@pytest.mark.parametrize("template", ["{{ v }}", "x{{ v }}", "{{ v.a }}", "{{ w['a'] }}"])
def test_undefined_or_null_is_refused_with_its_place(template: str) -> None:
    with pytest.raises(TemplateFailed) as raised:
        rendered({"headers": {"x": [template]}}, v=None, w={})
    assert raised.value.path == "$.headers.x[0]"


def test_an_expression_that_fails_is_not_merely_undefined() -> None:
    with pytest.raises(ExpressionFailed, match="division by zero"):
        rendered({"headers": {"x": "{{ 1 / 0 }}"}})


@pytest.mark.parametrize("value", [".", ".."])
def test_a_step_to_another_path_is_refused_in_a_url(value: str) -> None:
    with pytest.raises(TemplateFailed, match="may not stand in a URL"):
        rendered({"url": "https://a/items/{{ v }}"}, v=value)


def test_null_inside_a_value_is_a_value() -> None:
    assert rendered({"body": "{{ v }}"}, v={"a": None}) == {"body": {"a": None}}


def test_a_secret_is_left_for_the_worker() -> None:
    config = {"auth": {"bearer": {"secret": "TOKEN"}}, "url": "https://a/{{ v }}"}
    assert rendered(config, v="x")["auth"] == {"bearer": {"secret": "TOKEN"}}


@pytest.mark.parametrize("value", [{"secret": "TOKEN"}, [{"secret": "TOKEN"}], {"a": {"b": {"secret": "TOKEN"}}}])
def test_data_cannot_name_a_secret(value: Any) -> None:
    with pytest.raises(TemplateFailed, match="data may not name a secret; only a specification may"):
        rendered({"body": "{{ v }}"}, v=value)


@pytest.mark.parametrize("wanted", ["url", "case-1:2", {"item": "case-1:2"}, {"task": "wait"}])
def test_data_cannot_ask_for_a_callback_url(wanted: Any) -> None:
    with pytest.raises(TemplateFailed, match="data may not ask for a callback URL; only a specification may"):
        rendered({"body": "{{ v }}"}, v={"a": [{"callback": wanted}]})


@pytest.mark.parametrize("value", [{"callback": 1}, {"callback": "url", "more": 1}, {"callback": {"name": "x"}}])
def test_data_that_only_mentions_a_callback_is_data(value: Any) -> None:
    assert rendered({"body": "{{ v }}"}, v=value) == {"body": value}


def test_a_static_template_gives_the_very_value() -> None:
    config = {"method": "GET", "headers": {"a": ["b", 1, None, True]}}
    template = Template(config)
    assert template.static and template.render({}) is config


def test_keys_are_no_templates() -> None:
    assert rendered({"{{ v }}": "{{ v }}"}, v=1) == {"{{ v }}": 1}


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ a", "`{{` is not closed by `}}`"),
        ("{{ a }", "`{{` is not closed by `}}`"),
        ("{{ {'a': 1 }}", "`{{` is not closed by `}}`"),
        ("{{ '}}", '"\'" does not belong here'),
        ("{{ }}", "it is empty"),
        ("{{ a. }}", "'.' does not belong here"),
    ],
)
def test_a_broken_expression_is_refused(template: str, reason: str) -> None:
    with pytest.raises(ExpressionSyntax) as raised:
        Template({"a": [template]})
    assert raised.value.reason == reason


MANY = 100_000
ENDLESS = {
    "escapes": '"""' + "\\" * MANY,
    "quotes": "'''\\" * MANY,
    "raw": 'r"""' * MANY,
    "holes": "{{ a " * MANY,
    "braces": "{" * MANY,
}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_no_text_takes_long_to_refuse(text: str) -> None:
    begun = process_time()
    with pytest.raises(ExpressionSyntax):
        Template("{{ " + text)
    assert process_time() - begun < 5


@given(st.text(st.sampled_from(list("{}'\"a \\+:,")), max_size=20))
def test_any_text_is_a_template_or_is_refused(text: str) -> None:
    try:
        Template(text)
    except ExpressionSyntax as refused:
        assert refused.reason
