"""A state folder is ours alone: taken when empty, closed to others, and nothing else is wiped."""

import stat
from pathlib import Path

import pytest

from infra import state
from jobs.settings import Settings, from_environment


def settings_of(folder: Path) -> Settings:
    return from_environment({"SALES_STATE": str(folder)})


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A person's own folder, named by mistake."""
    for name in ("letters", "photos", "lake", "taxes", "work"):
        (tmp_path / name).mkdir()
    return settings_of(tmp_path)


def test_a_new_folder_is_taken_and_closed_to_others(tmp_path: Path) -> None:
    here = settings_of(tmp_path / "a" / "state")
    state.claim(here)
    assert stat.S_IMODE(here.state.stat().st_mode) == 0o700
    state.claim(here)
    assert state.wipe(here)
    assert not here.state.exists()
    assert not state.wipe(here)


def test_a_folder_with_other_things_is_neither_taken_nor_wiped(home: Settings) -> None:
    mode = home.state.stat().st_mode
    with pytest.raises(state.NotOurs, match=r"letters, photos, taxes, ….*SALES_STATE"):
        state.claim(home)
    with pytest.raises(state.NotOurs, match="delete it by hand"):
        state.wipe(home)
    assert len(list(home.state.iterdir())) == 5
    assert home.state.stat().st_mode == mode


def test_a_folder_whose_names_are_like_ours_is_not_wiped(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with pytest.raises(state.NotOurs, match="never used as a state"):
        state.wipe(settings_of(tmp_path))
    assert (tmp_path / "logs").exists()


def test_what_was_landed_before_the_first_start_is_ours(tmp_path: Path) -> None:
    for name in ("landing", "locks"):
        (tmp_path / name).mkdir()
    (tmp_path / "settings.env").touch()
    state.claim(settings_of(tmp_path))
    assert (tmp_path / state.MARK).exists()


def test_what_comes_later_into_a_folder_of_ours_goes_with_it(tmp_path: Path) -> None:
    here = settings_of(tmp_path / "state")
    state.claim(here)
    (here.state / "notes.txt").write_text("of a person")
    state.claim(here)
    assert state.wipe(here)


def test_a_file_in_the_place_of_a_state_is_told_of(tmp_path: Path) -> None:
    here = settings_of(tmp_path / "thesis.doc")
    (tmp_path / "thesis.doc").write_text("of a person")  # since the settings were read
    with pytest.raises(state.NotOurs, match=r"thesis\.doc cannot be a state folder"):
        state.claim(here)
