"""What protects a screen that somebody leaves: the shared computer, confirming, what is kept."""

import re

from babel.support import NullTranslations

from console.accounts.models import AccountId
from console.i18n import Catalogues, Language
from tests.support.console_client import OWN, FormClient
from tests.support.console_face import PASSWORD, Sample, build_sample, totp_code


async def sign_in_on_a_shared_computer(client: FormClient) -> None:
    """Sign in, and say that others use this computer too."""
    await client.send("/sign-in", page="/sign-in", name="officer", password=PASSWORD, shared="yes")
    code = totp_code(client.sample.clock())
    await client.send("/sign-in/code", page="/sign-in/code", code=code)


async def test_a_shared_computer_locks_after_five_minutes(visitor: FormClient) -> None:
    """Others come by sooner there; the page's own warning knows it, and the lock names nobody."""
    await sign_in_on_a_shared_computer(visitor)
    page = (await visitor.open("/form")).text
    assert 'data-idle-seconds="300"' in page
    visitor.sample.clock.advance(minutes=5)
    locked = await visitor.open("/form")
    assert locked.url.path == "/unlock"
    assert "officer" not in locked.text
    assert 'autocomplete="current-password"' not in locked.text


async def test_a_shared_computer_remembers_nobody(visitor: FormClient) -> None:
    """At the next sign-in the box is ticked, and the browser is asked to fill in nothing."""
    await sign_in_on_a_shared_computer(visitor)
    await visitor.send("/sign-out", page="/form")
    page = (await visitor.open("/sign-in")).text
    assert re.search(r'name="shared" value="yes" checked', page)
    assert "officer" not in page
    assert 'autocomplete="username"' not in page
    assert 'autocomplete="current-password"' not in page


async def test_an_own_computer_keeps_its_fifteen_minutes(officer: FormClient) -> None:
    """Without the tick nothing changes; it can be said later, and taken back."""
    assert 'data-idle-seconds="900"' in (await officer.open("/form")).text
    await officer.send("/sessions/shared", page="/sessions", shared="yes")
    assert 'data-idle-seconds="300"' in (await officer.open("/form")).text
    await officer.send("/sessions/shared", page="/sessions", shared="")
    assert 'data-idle-seconds="900"' in (await officer.open("/form")).text


async def test_who_has_just_signed_in_is_not_asked_again(officer: FormClient) -> None:
    """For five minutes the sign-in itself is proof enough."""
    done = await officer.send("/erase", page="/form", note="one")
    assert done.text == "erased: one"
    officer.sample.clock.advance(minutes=4)
    assert (await officer.send("/erase", page="/form", note="two")).text == "erased: two"


async def test_confirming_loses_nothing_that_was_typed(officer: FormClient) -> None:
    """After five minutes the form waits for the password, whole; a wrong one does nothing."""
    officer.sample.clock.advance(minutes=6)
    token = await officer.token("/form")
    form = {"form_token": token, "note": ["one <b>", "two"]}
    asked = await officer.http.post("/erase", data=form, headers=OWN)
    assert "Confirm that it is you" in asked.text
    assert 'name="note" value="one &lt;b&gt;"' in asked.text
    assert 'name="note" value="two"' in asked.text
    form["confirm_password"] = ["not the password"]
    wrong = await officer.http.post("/erase", data=form, headers=OWN)
    assert wrong.status_code == 422
    assert "Neither the password nor a new code" in wrong.text
    assert 'value="two"' in wrong.text
    assert "not the password" not in wrong.text
    form["confirm_password"] = [PASSWORD]
    assert (
        await officer.http.post("/erase", data=form, headers=OWN)
    ).text == "erased: one <b>, two"
    del form["confirm_password"]
    again = await officer.http.post("/erase", data=form, headers=OWN)
    assert again.text == "erased: one <b>, two"


async def test_a_page_may_ask_before_it_opens(officer: FormClient) -> None:
    """A code of the app answers too, and leads back to the page; a foreign address does not."""
    officer.sample.clock.advance(minutes=6)
    asked = await officer.open("/erase")
    assert 'name="back" value="/erase"' in asked.text
    code = totp_code(officer.sample.clock())
    answer = await officer.send("/confirm", page="/form", back="/erase", confirm_password=code)
    assert (answer.status_code, answer.headers["location"]) == (303, "/erase")
    assert (await officer.open("/erase")).text == "what would be erased"
    away = await officer.send("/confirm", page="/form", back="//elsewhere", confirm_password="x")
    assert away.headers["location"] == "/"


async def test_guesses_at_confirming_are_slowed_down(officer: FormClient) -> None:
    """Who finds an open screen cannot try passwords for long."""
    officer.sample.clock.advance(minutes=6)
    for _ in range(4):
        await officer.send("/erase", page="/form", note="one", confirm_password="guess")
    refused = await officer.send("/erase", page="/form", note="one", confirm_password=PASSWORD)
    assert "There were too many attempts" in refused.text


async def test_unlocking_leads_to_what_was_typed(sample: Sample, officer: FormClient) -> None:
    """A form that met the locked screen is the first thing that is shown afterwards."""
    token = await officer.token("/form")
    sample.clock.advance(minutes=16)
    form = {"form_token": token, "note": "long and careful"}
    answer = await officer.http.post("/form", data=form, headers=OWN)
    assert answer.headers["location"] == "/unlock"
    assert sample.kept[-1][1:] == ("/form", {"form_token": token, "note": "long and careful"})
    back = await officer.send("/unlock", page="/unlock", password=PASSWORD)
    assert back.headers["location"] == "/kept"


async def test_unlocking_leads_back_to_the_page_that_was_open(
    sample: Sample, officer: FormClient
) -> None:
    """Opened or hidden, by its path alone; a script's question and another site lead home."""
    sample.clock.advance(minutes=16)
    page = {"Accept": "text/html,*/*"}
    met = await officer.http.get("/case?of=somebody", headers=page)
    assert met.headers["location"] == "/unlock?back=%2Fcase"
    locked = (await officer.http.get(met.headers["location"])).text
    assert '<input type="hidden" name="back" value="/case">' in locked
    wrong = await officer.send("/unlock", page="/unlock", password="no", back="/case")
    assert 'name="back" value="/case"' in wrong.text
    opened = await officer.send("/unlock", page="/unlock", password=PASSWORD, back="/case")
    assert opened.headers["location"] == "/case"
    hidden = await officer.send("/hide", page="/case", back="/case")
    assert hidden.headers["location"] == "/unlock?back=%2Fcase"
    asked = await officer.http.get("/case", headers={**page, "HX-Request": "true"})
    assert asked.headers["hx-redirect"] == "/unlock"
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example"):
        away = await officer.http.get("/unlock", params={"back": elsewhere})
        assert "evil" not in away.text
    back = await officer.send("/unlock", page="/unlock", password=PASSWORD, back="//evil.example")
    assert back.headers["location"] == "/"


async def test_the_language_is_the_persons(visitor: FormClient) -> None:
    """Chosen once, it is there in another browser; the page that was open stays open."""
    sample = build_sample(catalogues=Catalogues({Language.ALBANIAN: NullTranslations()}))
    async with FormClient(sample) as first:
        await first.sign_in()
        chosen = await first.send("/language", page="/form", language="sq", back="/form")
        assert chosen.headers["location"] == "/form"
        assert '<html lang="sq"' in (await first.open("/form")).text
    assert sample.accounts.accounts[AccountId("a-1")].language == "sq"
    sample.clock.advance(minutes=1)
    async with FormClient(sample) as second:
        assert '<html lang="en"' in (await second.open("/sign-in")).text
        await second.sign_in()
        assert '<html lang="sq"' in (await second.open("/form")).text


async def test_the_glossary_explains_another_language(officer: FormClient) -> None:
    """Each pair of languages has its page; a language that nobody speaks here has none."""
    page = (await officer.open("/glossary/mk")).text
    assert "претпоставена жртва" in page
    assert 'lang="mk"' in page
    assert "shqip" in (await officer.open("/glossary")).text
    assert (await officer.open("/glossary/xx")).status_code == 404
