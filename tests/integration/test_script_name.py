"""The product below a path, as behind a proxy that serves several: FORCE_SCRIPT_NAME=/sub."""

from pathlib import Path

import pytest

from tests.integration.browsing import Visitor
from tests.integration.people import BACKUP_CODE, SECRET, code_of
from tests.services.product import manage, product_environment, running_app

DEMO_PASSWORD = "open the gatehouse please"


def sign_in(visitor: Visitor) -> str:
    visitor.get("/login/")
    answer = visitor.post("/login/", email="ada@northwind.example", password=DEMO_PASSWORD)
    return answer.headers["Location"]


def wait_for_refusal(visitor: Visitor) -> str:
    """Return where the first page after the window leads; the window lasts one second."""
    while (answer := visitor.get("/")).status_code == 200:
        continue
    return answer.headers["Location"]


@pytest.mark.proves("B07")
def test_a_member_signs_in_is_refused_and_sets_up_below_the_path(var_dir: Path) -> None:
    env = product_environment(
        var_dir, FORCE_SCRIPT_NAME="/sub", TWO_FACTOR_GRACE="1", TWO_FACTOR_MAILBOX_PROOF="off"
    )
    manage("migrate", "--verbosity=0", folder=var_dir, env=env)
    manage("seed_demo", "--verbosity=0", folder=var_dir, env=env)
    with running_app(folder=var_dir, env=env) as url:
        visitor = Visitor(url=url)
        assert sign_in(visitor) == "/sub/"
        manage("policy", "northwind", "on", folder=var_dir, env=env)
        # One redirect, then a page: not round and round.
        assert wait_for_refusal(visitor) == "/sub/login/?next=%2Fsub%2F"
        page = visitor.get("/login/?next=%2Fsub%2F")
        assert page.status_code == 200
        assert 'href="/sub/static/css/site.css"' in page.text
        assert visitor.get("/static/css/site.css").status_code == 200  # the proxy drops /sub
        assert sign_in(visitor) == "/sub/two-factor/setup/"
        assert visitor.get("/").headers["Location"] == "/sub/two-factor/setup/"
        found = SECRET.search(visitor.get("/two-factor/setup/app/").text)
        assert found
        answer = visitor.post("/two-factor/setup/app/", code=code_of(found[1]))
        assert len(BACKUP_CODE.findall(answer.text)) == 10
        assert 'action="/sub/two-factor/backup-codes/"' in answer.text
        assert visitor.get("/").status_code == 200
