"""Only requests that GitHub signed are accepted (promise W1)."""

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.github.signature import is_signed, sign

# https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
SECRET = SecretStr("It's a Secret to Everybody")
BODY = b"Hello, World!"
SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_githubs_published_example_is_accepted() -> None:
    assert sign(BODY, SECRET) == SIGNATURE
    assert is_signed(BODY, SIGNATURE, [SECRET])


def test_any_of_the_secrets_is_good() -> None:
    assert is_signed(BODY, SIGNATURE, [SecretStr("new"), SECRET])
    assert not is_signed(BODY, SIGNATURE, [SecretStr("new")])
    assert not is_signed(BODY, SIGNATURE, [])


@given(body=st.binary(max_size=200), header=st.none() | st.text(max_size=100))
@example(body=BODY, header=SIGNATURE.upper())
@example(body=BODY, header=SIGNATURE + "\n")
@example(body=BODY, header="sha1=" + SIGNATURE[7:47])
@example(body=BODY + b" ", header=SIGNATURE)
def test_any_other_signature_is_refused_without_an_error(body: bytes, header: str | None) -> None:
    assert not is_signed(body, header, [SECRET])


@given(body=st.binary(max_size=200), digest=st.binary(min_size=32, max_size=32))
def test_a_well_formed_guess_is_refused(body: bytes, digest: bytes) -> None:
    assert not is_signed(body, f"sha256={digest.hex()}", [SECRET])
