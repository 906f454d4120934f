from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import PREFIX, Settings


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_argument_wins_over_a_variable_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kindred.toml").write_text("port = 1\nbits = 18\nseed = 3\n")
    monkeypatch.setenv("KINDRED_PORT", "2")
    monkeypatch.setenv("KINDRED_SEED", "4")
    settings = Settings(port=5)
    assert (settings.port, settings.seed, settings.bits) == (5, 4, 18)


def test_the_file_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text('strategy = "pooled"\n')
    monkeypatch.setenv("KINDRED_CONFIG", str(tmp_path / "mine.toml"))
    assert Settings().strategy == "pooled"
    monkeypatch.setenv("KINDRED_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ValueError, match=r"none\.toml' is no file; name a TOML file or unset it"):
        Settings()


@pytest.mark.parametrize("where", ["argument", "variable", "file"])
def test_a_typo_is_refused_wherever_it_stands(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {}
    if where == "argument":
        arguments = {"prot": 1}
    elif where == "variable":
        monkeypatch.setenv("KINDRED_PROT", "1")
    else:
        (tmp_path / "kindred.toml").write_text("prot = 1\n")
    with pytest.raises(ValueError, match=r"(?i)'(KINDRED_)?PROT' is no setting; did you mean"):
        Settings(**arguments)  # type: ignore[arg-type]  # that is the point


def test_the_data_sets_variable_is_not_taken_for_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINDRED_DATA", "/data/sets")
    assert Settings().data_dir == Path("kindred-data")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 65536),
        ("port", "http"),
        ("bits", 7),
        ("seed", -1),
        ("max_body_bytes", 0),
        ("queue", 0),
        ("log_level", "loud"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        Settings(**{name: value})  # type: ignore[arg-type]  # that is the point


def test_every_setting_says_what_it_is_and_can_be_set_by_a_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, field in Settings.model_fields.items():
        assert field.description and field.description.endswith("."), name
        monkeypatch.setenv(PREFIX + name.upper(), str(field.default))
    assert Settings() == Settings.model_construct()
