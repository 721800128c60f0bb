"""Each long run of `make proof`, once in small."""

import pytest

from bench import people
from bench.proof import assertions, guessing, outage, paper, previews, races, switching
from twofactor import backup_codes


@pytest.mark.proves("S21")
def test_backup_codes_are_even() -> None:
    paper.even(20_000)


@pytest.mark.proves("S22")
@pytest.mark.django_db
def test_the_time_of_a_try_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the real cost; a hash for each code, as with a salt for each, shows under any load."""
    monkeypatch.setattr(backup_codes, "TIME_COST", 2)
    monkeypatch.setattr(backup_codes, "MEMORY_KIB", 19 * 1024)
    monkeypatch.setattr(paper, "MOST_APART", 100)
    paper.times(9)


@pytest.mark.proves("S09")
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_wrong_codes_at_once_five_are_evaluated() -> None:
    with people.cheap_backup_codes():
        races.wrong_codes_at_once(20, rounds=1)


@pytest.mark.proves("S08", "S09")
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_wrong_passwords_at_once_ten_are_evaluated() -> None:
    races.wrong_passwords_at_once(40, rounds=2)


@pytest.mark.proves("S11")
@pytest.mark.django_db
def test_strangers_who_guess_keep_nobody_out_of_a_known_browser() -> None:
    guessing.strangers_beside_a_known_browser(300, addresses=20, visits=10)


@pytest.mark.proves("S36")
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_whoever_sets_up_while_the_overdue_are_signed_out_stays_in() -> None:
    races.set_up_against_sign_out(5)


@pytest.mark.proves("S36", "B36")
@pytest.mark.django_db(transaction=True)
def test_nobody_gets_past_a_deadline_while_all_workers_are_dead() -> None:
    outage.workers_dead_across_a_deadline(9)


@pytest.mark.proves("B28")
@pytest.mark.django_db(transaction=True)
def test_a_click_costs_the_same_for_many_members() -> None:
    switching.clicks(200)


@pytest.mark.both_databases
@pytest.mark.django_db
def test_each_member_comes_out_as_the_preview_had_said() -> None:
    previews.run(30, each=10)


@pytest.mark.proves("S51")
@pytest.mark.idp
def test_an_assertion_that_is_tampered_with_says_what_was_signed_or_nothing() -> None:
    assertions.tampered(200)
