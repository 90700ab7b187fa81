"""The organisation that the sandbox begins with."""

from bot.sandbox.github.model import Document, Repo, Team, User

LOGINS = ("ben", "ana", "cho", "dev", "eli")
REPOSITORIES = ("acme/api", "acme/web")


def seed(app_id: int) -> Document:
    """acme with two repositories, a team and five people; the App is not installed yet."""
    return Document(
        organization=User(id=100, login="acme", type="Organization"),
        app=User(id=app_id, login="ripe", type="Bot"),
        users=[User(id=number, login=login) for number, login in enumerate(LOGINS, 201)],
        teams=[Team(id=401, slug="payments", members=["ana", "cho"])],
        repositories=[Repo(id=number, full_name=name) for number, name in enumerate(REPOSITORIES, 301)],
    )
