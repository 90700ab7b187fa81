"""The configuration file: what it means, and where it is wrong."""

from datetime import timedelta

import pytest

from bot.assignment.config import RepositoryConfig, RipeConfig, logins_of, render_duration, rhythm
from bot.assignment.config_file import parse_config
from bot.reminders.model import Rhythm

SAMPLE = """\
repositories:
  acme/api:
    reviewers: 2
    rules:
      - {paths: ["billing/**", "*.sql"], people: [ana, ben], at_least: 1}
      - {paths: ["**"], people: [cho, dev, eli]}
    ignore: {drafts: true, labels: [wip], authors: ["*[bot]"], titles: ["^WIP"]}
    reminders: {after: [4h, 12h, 28h], approvals_needed: 1, quiet_when_ci_fails: false}
    escalate: {after: 16h, to: author}
"""
PEOPLE = ("Ana", "ben", "cho", "dev", "eli")


def problems(text: str) -> list[str]:
    file = parse_config(text, PEOPLE, ("Acme/API",))
    assert (file.config is None) == bool(file.problems)
    return [str(problem) for problem in file.problems]


def notes(text: str) -> list[str]:
    file = parse_config(text, PEOPLE, ("acme/api",))
    assert file.problems == ()
    return [str(note) for note in file.notes]


def repository(text: str) -> str:
    """A file with these lines under acme/api, the first of which is line 3."""
    return "repositories:\n  acme/api:\n" + "".join(f"    {line}\n" for line in text.splitlines())


def test_the_sample_is_understood() -> None:
    file = parse_config(SAMPLE, PEOPLE, ("acme/api",))
    assert file.config is not None
    config = file.config.repositories["acme/api"]
    assert (config.reviewers, len(config.rules), config.rules[0].at_least) == (2, 2, 1)
    assert config.ignore.authors == ("*[bot]",)
    assert rhythm(config) == Rhythm()
    assert logins_of(config) == {"ana", "ben", "cho", "dev", "eli"}


def test_teams_are_refused_because_they_are_not_built_yet() -> None:
    assert problems(SAMPLE.replace("at_least", "teams: [payments], at_least")) == [
        "line 5: repositories.acme/api.rules[0].teams: is not built yet: name people"
    ]
    assert problems(SAMPLE.replace("at_least", "teams: [], at_least")) == []


def test_what_is_stored_reads_back_the_same() -> None:
    config = RipeConfig.model_validate(
        {"repositories": {"acme/api": {"reminders": {"after": ["90m", "2d"]}, "escalate": {"after": "3h"}}}}
    ).repositories["acme/api"]
    assert RepositoryConfig.model_validate_json(config.model_dump_json()) == config
    assert '"after":["90m","16h"]' in config.model_dump_json()


def test_a_repository_without_settings_has_the_usual_ones() -> None:
    file = parse_config("repositories: {acme/api: {}}", PEOPLE, ("acme/api",))
    assert file.config is not None
    assert file.config.repositories["acme/api"] == RepositoryConfig()
    assert rhythm(RepositoryConfig()) == Rhythm()


@pytest.mark.parametrize(
    ("written", "hours"), [("4h", 4), ("90m", 1.5), ("2d", 16)], ids=["hours", "minutes", "working days"]
)
def test_durations_are_working_time(written: str, hours: float) -> None:
    config = RepositoryConfig.model_validate({"escalate": {"after": written}})
    assert rhythm(config).notify_author_after == timedelta(hours=hours)


@pytest.mark.parametrize("minutes", [1, 60, 90, 480])
def test_a_duration_is_written_as_it_is_read(minutes: int) -> None:
    duration = timedelta(minutes=minutes)
    config = RepositoryConfig.model_validate({"escalate": {"after": render_duration(duration)}})
    assert config.escalate.after == duration


NO_DURATION = "must be a duration of working time such as 90m, 4h or 2d (a day is 8 h)"
NO_TEXT = "must be text: put it in quotes"


@pytest.mark.parametrize(
    ("lines", "line", "field", "problem"),
    [
        ("reviewer: 2", 3, "reviewer", "is not a known key; did you mean 'reviewers'?"),
        ("colour: red", 3, "colour", "is not a known key"),
        ("reviewers: two", 3, "reviewers", "must be a whole number"),
        ("reviewers: 0", 3, "reviewers", "should be greater than or equal to 1"),
        ("rules: {}", 3, "rules", "must be a list, such as [one, two]"),
        ("rules:\n- people: [ana]", 4, "rules[0].paths", "is missing"),
        ('rules:\n- paths: "**"\n  people: [ana]', 4, "rules[0].paths", "must be a list, such as [one, two]"),
        ('rules:\n- paths: ["**"]\n  people: []', 5, "rules[0].people", "must not be empty"),
        ('rules:\n- paths: ["**"]\n  people: [12]', 5, "rules[0].people[0]", NO_TEXT),
        ('rules:\n- paths: ["**"]\n  people: [no]', 5, "rules[0].people[0]", NO_TEXT),
        (
            'rules:\n- paths: ["!a"]\n  people: [ana]',
            4,
            "rules[0].paths[0]",
            "starts with '!': exclusions are not understood",
        ),
        (
            'rules:\n- paths: ["**"]\n  people:\n  - ana\n  - anna',
            7,
            "rules[0].people[1]",
            "'anna' is nobody we know; did you mean 'ana'?",
        ),
        (
            'rules:\n- paths: ["**"]\n  people: ["@xx"]',
            5,
            "rules[0].people[0]",
            "'@xx' is nobody we know; map them first: ripe people import",
        ),
        ('rules:\n- paths: ["**"]\n  people: [a b]', 5, "rules[0].people[0]", "'a b' is not a GitHub login"),
        ("fallback: [zoe]", 3, "fallback[0]", "'zoe' is nobody we know; map them first: ripe people import"),
        (
            'ignore: {titles: ["("]}',
            3,
            "ignore.titles[0]",
            "is not a regular expression: missing ), unterminated subpattern at position 0",
        ),
        ("ignore:\n  draft: true", 4, "ignore.draft", "is not a known key; did you mean 'drafts'?"),
        ("ignore: {drafts: 1}", 3, "ignore.drafts", "must be true or false"),
        ("reminders: {after: [4]}", 3, "reminders.after[0]", NO_DURATION),
        ("reminders: {after: [0h]}", 3, "reminders.after[0]", NO_DURATION),
        (
            "reminders: {after: [4h, 3h]}",
            3,
            "reminders.after",
            "each must be longer than the one before: they all count from the first DM",
        ),
        ("escalate: {to: boss}", 3, "escalate.to", "should be 'author'"),
        ("reviewers: 1\nreviewers: 2", 4, "reviewers", "is repeated: it is on line 3 already"),
        ("ignore: &x {}\nescalate: *x", 4, "escalate", "is an alias (*name): write it out"),
    ],
)
def test_a_mistake_is_shown_with_its_line_and_field(lines: str, line: int, field: str, problem: str) -> None:
    assert problems(repository(lines)) == [f"line {line}: repositories.acme/api.{field}: {problem}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: is empty"),
        ("# nothing", "line 1: is empty"),
        ("[]", "line 1: must have keys of its own"),
        ("repository: {}", "line 1: repositories: is missing"),
        ("repositories: [a]", "line 1: repositories: must have keys of its own, such as `acme/api:`"),
        ("repositories:\n  acme/api:", "line 2: repositories.acme/api: must have keys of its own"),
        (
            "repositories:\n  acme/web: {}",
            "line 2: repositories.acme/web: the GitHub App is not installed there; did you mean 'acme/api'?",
        ),
        (
            "repositories:\n  acme: {}",
            "line 2: repositories.acme: must be a repository's full name, such as acme/api",
        ),
        (
            "repositories:\n  acme/api: {}\n  Acme/Api: {}",
            "line 3: repositories.Acme/Api: is there already: case makes no difference",
        ),
        ("repositories: [", "line 1: is not YAML: expected the node content, but found '<stream end>'"),
        ("a: 1\n\tb: 2", "line 2: is not YAML: found character '\\t' that cannot start any token"),
        ("a: b\n--- \nc: d", "line 2: is not YAML: but found another document"),
        ("repositories: !!python/name:os.system x", "line 1: is not YAML: could not determine a constructor"),
    ],
)
def test_a_file_that_is_no_configuration_says_why(text: str, problem: str) -> None:
    assert problems(text)[0].startswith(problem)


def test_all_mistakes_are_listed_at_once_in_the_order_of_lines() -> None:
    text = repository(
        'rules:\n- {path: ["a"], people: [anna]}\nreminders: {after: [4]}\nescalate: {to: boss}'
    )
    lines = [problem.split(":")[0] for problem in problems(text)]
    assert lines == ["line 4", "line 4", "line 4", "line 5", "line 6"]


@pytest.mark.parametrize("text", ["[" * 10_000, "a: " * 10_000, "\x00", "- " * 2_000 + "x", "x" * 1_000_001])
def test_a_hostile_file_is_a_problem_not_a_crash(text: str) -> None:
    assert problems(text)


def test_a_rule_that_adds_nothing_to_an_earlier_one_is_noted() -> None:
    text = repository(
        'rules:\n- {paths: ["**"], people: [ana, ben]}\n- {paths: ["**"], people: [ben]}\n'
        '- {paths: ["a/**", "**"], people: [ben]}'
    )
    assert notes(text) == [
        "line 5: repositories.acme/api.rules[1]: is never reached: rules[0] has all its paths and people"
    ]


def test_ignoring_every_author_is_noted() -> None:
    (note,) = notes(repository('ignore: {authors: ["*"]}'))
    assert note.startswith("line 3: repositories.acme/api.ignore.authors[0]: ignores everybody")


def test_quiet_when_ci_fails_is_refused_because_it_is_not_built_yet() -> None:
    assert problems(repository("reminders: {quiet_when_ci_fails: false}")) == []
    assert problems(repository("reminders: {quiet_when_ci_fails: true}")) == [
        "line 3: repositories.acme/api.reminders.quiet_when_ci_fails: is not built yet: leave it out"
    ]


def test_a_stored_document_that_sets_what_is_not_built_yet_still_loads() -> None:
    document = (
        '{"rules": [{"paths": ["**"], "people": ["ana"], "teams": ["payments"]}],'
        ' "reminders": {"quiet_when_ci_fails": true}}'
    )
    assert RepositoryConfig.model_validate_json(document).rules[0].teams == ("payments",)
