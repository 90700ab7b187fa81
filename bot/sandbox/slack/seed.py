"""The people of the local workspace."""

from bot.sandbox.slack.model import State, User

_PEOPLE = (
    ("U0ANA00001", "ana", "Ana Alves", "Europe/Berlin"),
    ("U0BEN00001", "ben", "Ben Brown", "Europe/London"),
    ("U0CHO00001", "cho", "Cho Chang", "Europe/Berlin"),
    ("U0DEV00001", "dev", "Dev Desai", "America/New_York"),
    ("U0ELI00001", "eli", "Eli Endo", "Asia/Tokyo"),
    ("U0OLGA0001", "olga", "Olga Olsen", "Europe/Berlin"),
)


def seed_state(state: State | None = None) -> State:
    """A new workspace: five colleagues, an owner and the bot, without any message.

    `state` names a workspace other than the usual one. Its people have the same names.
    """
    state = state or State()
    users = [
        User(id=user_id, name=name, real_name=real_name, email=f"{name}@acme.example", tz=zone)
        for user_id, name, real_name, zone in _PEOPLE
    ]
    bot = User(id=state.bot_user_id, name="ripe", real_name="Ripe", is_bot=True)
    state.users = {user.id: user for user in [*users, bot]}
    olga = state.users["U0OLGA0001"]
    olga.is_admin = olga.is_owner = True
    return state
