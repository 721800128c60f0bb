"""What the numbers on tests stand for: S for a requirement, B for a fault that others shipped.

``@pytest.mark.proves("S04")`` stands on a test that shows one wholly, or its part of it. Each
number here has one; a number that is not here is a slip.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
REQUIREMENTS = {
    "S01": "the arithmetic of app codes is that of the RFCs",
    "S02": "a code is good for the step before, this one and the next",
    "S03": "a code is good once, and none older than the last",
    "S04": "of many uses of one code at once, one succeeds",
    "S05": "whatever is typed for a code is parsed plainly, and never an error of ours",
    "S06": "a code counts for the person, device and sign-in that asked",
    "S07": "failures are limited per person, over all doors",
    "S08": "failures are limited per address, scaled for offices",
    "S09": "checking a budget and spending it is one act",
    "S10": "nothing resets a budget that should not",
    "S11": "nobody without the password locks anybody out",
    "S12": "the person is warned of failures behind the right password",
    "S13": "a device is pending until a code proves it",
    "S14": "what changes a factor or an address asks for fresh proof, of what counts now",
    "S15": "each change of a factor is told by a mail whose link takes it back",
    "S16": "the last factor stays while it is required; a removed one verifies nothing",
    "S17": "no browser is trusted, and nothing bypasses",
    "S21": "backup codes are long and random enough",
    "S22": "backup codes are hashed, and a try costs the same whatever the outcome",
    "S23": "of many uses of one backup code at once, one succeeds",
    "S24": "backup codes are shown once, replaced as a set, and are no enrolment",
    "S25": "a texted code lives five minutes, for one attempt",
    "S26": "texts have waits between them that nothing shortens",
    "S27": "texts are limited along each axis, and over the whole site",
    "S28": "a number is proved before it is used, and never shown whole",
    "S29": "trouble with the provider is told plainly and costs no try",
    "S31": "session key and CSRF token change at each step",
    "S32": "half a sign-in opens its own pages alone, and soon ends",
    "S33": "ended sessions are refused at their next request",
    "S35": "a view is closed unless it is marked",
    "S36": "the deadline holds to the millisecond, with all jobs dead",
    "S37": "only an owner with fresh proof switches, and each switch is one period",
    "S38": "SSO exempts a session, for the account whose provider it passed",
    "S39": "a pass ends when it was to end",
    "S40": "only support with fresh proof grants a pass, two of them where it is asked for",
    "S41": "a pass suspends the second factor and nothing else",
    "S42": "a pass is told to those concerned, revoked in one click, one at a time",
    "S43": "a password reset signs nobody in",
    "S44": "a change of address is proved by factor and mailbox",
    "S45": "links that are mailed can't be guessed, and work once",
    "S46": "only the invited address accepts, with role and account of the invitation",
    "S49": "a provider reaches nobody of another's",
    "S51": "nobody comes in by an assertion that is not signed, for us, fresh, asked for and new",
    "S47": "the way to a provider and back belongs to one browser, once, for ten minutes",
    "S48": "an ID token counts only whole, signed, for us and now",
    "S50": "an address alone links nobody, and an unverified one lets nobody in",
    "S52": "the admin has no door of its own",
    "S53": "owners reach the rows of their own accounts alone",
    "S54": "a form changes the fields it shows, and no other",
    "S55": "redirects stay on the site",
    "S58": "no answer tells who has a sign-in",
    "S59": "no secret is written anywhere but where it is delivered",
    "S60": "each act leaves its row of the audit, in its transaction",
    "S61": "the audit only grows, and shows what was tampered with",
    "S62": "a job that runs twice does its work once",
    "S63": "a job that is killed loses nothing",
    "S64": "pages do not depend on the broker",
    "S66": "what is away lets nobody past",
}
FAULTS = {
    "B01": "a second door asked for the password alone",
    "B03": "half a sign-in could add a device",
    "B05": "paths were exempt by their text",
    "B07": "a prefix made the gate redirect for ever",
    "B08": "two forced steps sent people to and fro",
    "B09": "signed in but not verified ran in a circle",
    "B10": "a background call made a new secret",
    "B13": "tokens walked past the gate",
    "B15": "what enforces was kept in the flow's own state",
    "B16": "`next` led off the site, or got lost",
    "B17": "a form in flight at the deadline was lost or replayed",
    "B18": "a stored deadline let old sessions slip by",
    "B20": "a change of the policy was seen late",
    "B21": "jobs did not look at the state of now",
    "B22": "an owner locked themselves out",
    "B24": "naive and aware times met",
    "B27": "machines were treated as members",
    "B28": "mailing everybody took the request with it",
    "B29": "one bad address stopped the batch",
    "B31": "an address beyond ASCII crashed the sender",
    "B32": "the broker handed out a long task again",
    "B33": "a half-done job could not be resumed",
    "B34": "a job started before its commit",
    "B36": "only the scheduler enforced",
    "B39": "a job failed for ever on a row that was gone",
    "B40": "a used code worked again",
    "B43": "a checker's answer was ignored",
    "B44": "a code was taken for a number",
    "B45": "the length of a code was not looked at",
    "B46": "a code as apps show it was refused",
    "B48": "clocks that drift were not explained",
    "B49": "failures were charged to another device",
    "B51": "strangers locked people out",
    "B52": "a forged header gave a new budget",
    "B53": "one backup code was spent many times",
    "B56": "codes were shown in a form that was not accepted",
    "B57": "the page of codes could be seen again",
    "B58": "backup codes counted as enrolment, or kept it away",
    "B59": "each view of the page made a new secret",
    "B60": "two set-ups at once left dead codes",
    "B61": "an unfinished device let in",
    "B64": "the last device could be removed, or none replaced",
    "B65": "an open session could change the factor",
    "B66": "the policy for content hid the QR code",
    "B68": "the secret went to others",
    "B70": "errors of the provider were errors of ours",
    "B71": "a provider that hangs hung the page",
    "B72": "numbers were refused for their spelling",
    "B73": "what was checked was not what was used",
    "B74": "texts were pumped",
    "B75": "a refresh sent another text",
    "B79": "texted codes had no limit",
    "B80": "a slow request revived an ended session",
    "B82": "old sessions lived on after set-up",
    "B84": "a reset signed in",
    "B86": "a stale CSRF token was a dead end",
    "B87": "two-factor authentication was switched off unnoticed",
    "B88": "a trusted browser skipped the code",
    "B89": "SSO exempted whoever came in by password, too",
    "B92": "the set-up page held whom SSO exempts",
    "B93": "an address that nobody had verified took over a sign-in",
    "B95": "the invited ran in circles",
    "B96": "whom nothing binds any more was still asked",
    "B98": "addresses matched wrongly by case or alphabet",
    "B99": "a leaked password alone enrolled a thief",
    "B100": "a reset made the rule forget the person",
    "B101": "the old factor came back after a pass",
    "B103": "support of low rank could drop anybody's factor",
    "B105": "an address was changed with a bare session",
}


@cache
def marks() -> set[tuple[str, str]]:
    """Return each number that a test carries, with the file."""
    return {
        (number, path.name)
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.proves"
        for argument in node.args
        for number in numbers_of(argument, path)
    }


def numbers_of(argument: ast.expr, path: Path) -> list[str]:
    """Return the number that is written there; those of the file where they stand in a table."""
    if isinstance(argument, ast.Constant):
        return [str(argument.value)]
    return re.findall(r'"([SB]\d{2,3})"', path.read_text())


@pytest.mark.parametrize("number", [*REQUIREMENTS, *FAULTS])
def test_each_number_is_proved(number: str) -> None:
    assert number in {carried for carried, _ in marks()}


def test_no_number_is_a_slip() -> None:
    assert not {(number, file) for number, file in marks() if number not in REQUIREMENTS | FAULTS}
