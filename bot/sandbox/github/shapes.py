"""Payloads and answers with all the fields that GitHub sends, as its published samples show them.

Tests compare the fields with those samples: see tests/contracts/github.
"""

import base64
import zlib
from datetime import UTC, datetime
from typing import Any

from bot.sandbox.github.links import ORGANIZATION_LINKS, REPO_FACTS, REPO_LINKS, USER_LINKS
from bot.sandbox.github.model import Document, File, Installation, Pull, Repo, Review, Team, User

Shape = dict[str, Any]

_LABEL_COLOR = "d73a4a"
_MADE_AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""The age of everything that the sandbox begins with."""


def instant(at: datetime | None) -> str | None:
    """A timestamp in GitHub's format. It has whole seconds, so several events may have the same."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


class Shapes:
    """Makes payloads and answers about one document. `api` and `web` are the addresses in their links."""

    def __init__(self, document: Document, api: str, web: str) -> None:
        self.document = document
        self.api = api
        self.web = web

    def user(self, user: User) -> Shape:
        url = f"{self.api}/users/{user.login}"
        return {
            "login": user.login,
            "id": user.id,
            "node_id": _node("User", user.id),
            "avatar_url": f"{self.web}/avatars/{user.id}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.web}/{user.login}",
            **{name: url + path for name, path in USER_LINKS.items()},
            "type": user.type,
            "site_admin": False,
        }

    def login(self, login: str) -> Shape:
        """The same, by login."""
        return self.user(self.document.accounts[login])

    def organization(self) -> Shape:
        organization = self.document.organization
        url = f"{self.api}/orgs/{organization.login}"
        return {
            "login": organization.login,
            "id": organization.id,
            "node_id": _node("Organization", organization.id),
            "url": url,
            **{name: url + path for name, path in ORGANIZATION_LINKS.items()},
            "avatar_url": f"{self.web}/avatars/{organization.id}",
            "description": "",
        }

    def repository(self, repo: Repo) -> Shape:
        url, page = f"{self.api}/repos/{repo.full_name}", f"{self.web}/{repo.full_name}"
        return {
            "id": repo.id,
            "node_id": _node("Repository", repo.id),
            "name": repo.name,
            "full_name": repo.full_name,
            "owner": self.user(self._owner_of(repo)),
            "html_url": page,
            "url": url,
            **{name: url + path for name, path in REPO_LINKS.items()},
            **{name: instant(_MADE_AT) for name in ("created_at", "updated_at", "pushed_at")},
            "git_url": f"{page}.git",
            "ssh_url": f"{page}.git",
            "clone_url": f"{page}.git",
            "svn_url": page,
            **REPO_FACTS,
            "archived": repo.archived,
        }

    def _owner_of(self, repo: Repo) -> User:
        """The account that the repository's name begins with, or else the one that installed the App."""
        document = self.document
        if repo.owner in document.accounts:
            return document.accounts[repo.owner]
        installation = document.installation_of(repo)
        return (installation and installation.account) or document.organization

    def hook(self, repo: Repo, target: str) -> Shape:
        """A webhook that posts to `target`."""
        url = f"{self.api}/repos/{repo.full_name}/hooks/1"
        return {
            "type": "Repository",
            "id": 1,
            "name": "web",
            "active": True,
            "events": ["*"],
            "config": {"content_type": "json", "insecure_ssl": "0", "url": target},
            "updated_at": instant(_MADE_AT),
            "created_at": instant(_MADE_AT),
            "url": url,
            "test_url": f"{url}/test",
            "ping_url": f"{url}/pings",
            "deliveries_url": f"{url}/deliveries",
            "last_response": {"code": None, "status": "unused", "message": None},
        }

    def small_repository(self, repo: Repo) -> Shape:
        """As installation events list them."""
        return {
            "id": repo.id,
            "node_id": _node("Repository", repo.id),
            "name": repo.name,
            "full_name": repo.full_name,
            "private": True,
        }

    def label(self, repo: Repo, name: str) -> Shape:
        number = zlib.crc32(name.encode())
        return {
            "id": number,
            "node_id": _node("Label", number),
            "url": f"{self.api}/repos/{repo.full_name}/labels/{name}",
            "name": name,
            "color": _LABEL_COLOR,
            "default": False,
            "description": "",
        }

    def team(self, team: Team) -> Shape:
        url = f"{self.api}/teams/{team.id}"
        return {
            "name": team.slug.title(),
            "id": team.id,
            "node_id": _node("Team", team.id),
            "slug": team.slug,
            "description": None,
            "privacy": "closed",
            "url": url,
            "html_url": f"{self.web}/orgs/{self.document.organization.login}/teams/{team.slug}",
            "members_url": f"{url}/members{{/member}}",
            "repositories_url": f"{url}/repos",
            "permission": "push",
        }

    def requested_teams(self, pull: Pull) -> list[Shape]:
        return [self.team(team) for team in self.document.teams if team.slug in pull.requested_teams]

    def pull(self, pull: Pull) -> Shape:
        """A pull request as single answers and pull_request events show it."""
        return self.listed_pull(pull) | {
            "merged": pull.merged_at is not None,
            "mergeable": None,
            "rebaseable": None,
            "mergeable_state": "unknown",
            "merged_by": self.login(pull.merged_by) if pull.merged_by else None,
            "comments": 0,
            "review_comments": 0,
            "maintainer_can_modify": False,
            "commits": 1,
            "additions": sum(file.additions for file in pull.files),
            "deletions": sum(file.deletions for file in pull.files),
            "changed_files": len(pull.files),
        }

    def listed_pull(self, pull: Pull) -> Shape:
        """A pull request as lists and review events show it: without sizes."""
        repo, author = self.document.repo_of(pull), self.login(pull.author)
        return {
            **self._pull_links(pull, repo),
            "id": pull.id,
            "node_id": _node("PullRequest", pull.id),
            "number": pull.number,
            "state": pull.state,
            "locked": False,
            "title": pull.title,
            "user": author,
            "body": pull.body,
            "created_at": instant(pull.created_at),
            "updated_at": instant(pull.updated_at),
            "closed_at": instant(pull.closed_at),
            "merged_at": instant(pull.merged_at),
            "merge_commit_sha": pull.head_sha if pull.merged_at else None,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [self.login(login) for login in pull.requested],
            "requested_teams": self.requested_teams(pull),
            "labels": [self.label(repo, name) for name in pull.labels],
            "milestone": None,
            "draft": pull.draft,
            "head": self._branch(pull.author, f"change-{pull.number}", pull.head_sha, author, repo),
            "base": self._branch(
                repo.owner, "main", "f95f852bd8fca8fc", self.user(self.document.organization), repo
            ),
            "author_association": "MEMBER",
            "auto_merge": None,
            "active_lock_reason": None,
        }

    def _pull_links(self, pull: Pull, repo: Repo) -> Shape:
        here = f"{self.api}/repos/{repo.full_name}"
        url, issue = f"{here}/pulls/{pull.number}", f"{here}/issues/{pull.number}"
        page = f"{self.web}/{repo.full_name}/pull/{pull.number}"
        links = {
            "commits_url": f"{url}/commits",
            "review_comments_url": f"{url}/comments",
            "review_comment_url": f"{here}/pulls/comments{{/number}}",
            "comments_url": f"{issue}/comments",
            "statuses_url": f"{here}/statuses/{pull.head_sha}",
        }
        related = {"self": url, "html": page, "issue": issue} | {
            name.removesuffix("_url"): address for name, address in links.items()
        }
        return {
            "url": url,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "issue_url": issue,
            **links,
            "_links": {name: {"href": address} for name, address in related.items()},
        }

    def _branch(self, owner: str, ref: str, sha: str, user: Shape, repo: Repo) -> Shape:
        return {
            "label": f"{owner}:{ref}",
            "ref": ref,
            "sha": sha,
            "user": user,
            "repo": self.repository(repo),
        }

    def file(self, file: File, pull: Pull) -> Shape:
        """A changed file as REST lists it: with its patch."""
        repo = self.document.repo_of(pull)
        page = f"{self.web}/{repo.full_name}"
        return {
            "sha": f"{zlib.crc32(file.path.encode()):040x}",
            "filename": file.path,
            "status": file.status,
            "additions": file.additions,
            "deletions": file.deletions,
            "changes": file.additions + file.deletions,
            "blob_url": f"{page}/blob/{pull.head_sha}/{file.path}",
            "raw_url": f"{page}/raw/{pull.head_sha}/{file.path}",
            "contents_url": f"{self.api}/repos/{repo.full_name}/contents/{file.path}?ref={pull.head_sha}",
            "patch": file.patch,
        }

    def review(self, review: Review, pull: Pull) -> Shape:
        """As the API shows it; events write the state in small letters."""
        repo = self.document.repo_of(pull)
        page = f"{self.web}/{repo.full_name}/pull/{pull.number}#pullrequestreview-{review.id}"
        url = f"{self.api}/repos/{repo.full_name}/pulls/{pull.number}"
        return {
            "id": review.id,
            "node_id": _node("PullRequestReview", review.id),
            "user": self.login(review.login),
            "body": review.body,
            "commit_id": pull.head_sha,
            "submitted_at": instant(review.submitted_at),
            "state": review.state,
            "html_url": page,
            "pull_request_url": url,
            "author_association": "MEMBER",
            "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        }

    def app(self) -> Shape:
        slug, number = self.document.app_slug, self.document.app.id
        return {
            "id": number,
            "slug": slug,
            "node_id": _node("Integration", number),
            "owner": self.user(self.document.organization),
            "name": slug.title(),
            "description": "",
            "external_url": self.web,
            "html_url": f"{self.web}/github-apps/{slug}",
            "created_at": instant(_MADE_AT),
            "updated_at": instant(_MADE_AT),
            "permissions": {},
            "events": [],
        }

    def installation(self, installation: Installation) -> Shape:
        """As the API shows it; events give its times in seconds: see `installation_in_event`."""
        account = installation.account or self.document.organization
        by = installation.suspended_by
        return {
            "id": installation.id,
            "account": self.user(account),
            "repository_selection": "selected",
            "access_tokens_url": f"{self.api}/app/installations/{installation.id}/access_tokens",
            "repositories_url": f"{self.api}/installation/repositories",
            "html_url": f"{self.web}/settings/installations/{installation.id}",
            "app_id": self.document.app.id,
            "target_id": account.id,
            "target_type": account.type,
            "permissions": installation.permissions,
            "events": [],
            "created_at": instant(_MADE_AT),
            "updated_at": instant(_MADE_AT),
            "single_file_name": None,
            "suspended_at": instant(installation.suspended_at),
            "suspended_by": self.login(by) if by else None,
        }

    def installation_name(self, installation: Installation) -> Shape:
        """As events about its repositories name it."""
        return {"id": installation.id, "node_id": _node("Installation", installation.id)}

    def installation_in_event(self, installation: Installation) -> Shape:
        seconds = int(_MADE_AT.timestamp())
        return self.installation(installation) | {"created_at": seconds, "updated_at": seconds}


def _node(kind: str, number: int) -> str:
    return base64.b64encode(f"{kind}{number}".encode()).decode()
