"""Pages of other origins call the API only where they are named."""

from pathlib import Path

from tests.api.bench import bench_of, settings_for

PAGE = {"Origin": "https://tasks.example.org"}


def test_no_page_is_allowed_unless_it_is_configured(tmp_path: Path) -> None:
    answered = bench_of(settings_for(tmp_path)).admin.get_with("/api/v1/cases", PAGE)
    assert answered.status_code == 200
    assert not any(name.lower().startswith("access-control") for name, _ in answered.headers)


def test_a_page_that_is_named_is_allowed_and_no_other(tmp_path: Path) -> None:
    admin = bench_of(settings_for(tmp_path, cors_origins=("https://tasks.example.org",))).admin
    allowed = admin.get_with("/api/v1/cases", PAGE)
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://tasks.example.org"
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    assert "Origin" in allowed.headers["Vary"]
    other = admin.get_with("/api/v1/cases", {"Origin": "https://tasks.example.org.evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers and "Origin" in other.headers["Vary"]


def test_a_browser_may_ask_before(tmp_path: Path) -> None:
    bench = bench_of(settings_for(tmp_path, cors_origins=("https://tasks.example.org",)))
    asked = {**PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answered = bench.app.test_client().options("/api/v1/cases", headers=asked)
    assert answered.status_code == 200
    assert "POST" in answered.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answered.headers["Access-Control-Allow-Headers"]
