"""Payloads and answers with all the keys that GitHub sends, so that whoever reads them is read as in earnest.

The key sets are those of GitHub's published samples: see tests/contracts/github.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.sandbox.github.model import Document, Installation, Pull, Repo, Review, User

Shape = dict[str, Any]

_USER_LINKS = {
    "followers_url": "/followers", "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}", "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs", "repos_url": "/repos", "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}  # fmt: skip
_ORGANIZATION_LINKS = {
    "repos_url": "/repos", "events_url": "/events", "hooks_url": "/hooks", "issues_url": "/issues",
    "members_url": "/members{/member}", "public_members_url": "/public_members{/member}",
}  # fmt: skip
_REPO_LINKS = {
    "forks_url": "/forks", "keys_url": "/keys{/key_id}", "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams", "hooks_url": "/hooks", "issue_events_url": "/issues/events{/number}",
    "events_url": "/events", "assignees_url": "/assignees{/user}", "branches_url": "/branches{/branch}",
    "tags_url": "/tags", "blobs_url": "/git/blobs{/sha}", "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}", "trees_url": "/git/trees{/sha}", "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages", "stargazers_url": "/stargazers", "contributors_url": "/contributors",
    "subscribers_url": "/subscribers", "subscription_url": "/subscription", "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}", "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}", "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}", "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}", "downloads_url": "/downloads", "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}", "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}", "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}", "deployments_url": "/deployments",
}  # fmt: skip
_REPO_FACTS: Shape = {
    "private": False, "description": None, "fork": False, "homepage": None, "size": 0, "stargazers_count": 0,
    "watchers_count": 0, "language": None, "has_issues": True, "has_projects": True, "has_downloads": True,
    "has_wiki": True, "has_pages": False, "forks_count": 0, "mirror_url": None, "archived": False,
    "disabled": False, "open_issues_count": 0, "license": None, "forks": 0, "open_issues": 0, "watchers": 0,
    "default_branch": "main", "is_template": False, "topics": [], "visibility": "private",
    "web_commit_signoff_required": False, "custom_properties": {},
}  # fmt: skip
_LABEL_COLOR = "d73a4a"


def instant(at: datetime | None) -> str | None:
    """GitHub's timestamps are in whole seconds: that is why events tie."""
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
            **{name: url + path for name, path in _USER_LINKS.items()},
            "type": user.type,
            "site_admin": False,
        }

    def organization(self) -> Shape:
        organization = self.document.organization
        url = f"{self.api}/orgs/{organization.login}"
        return {
            "login": organization.login,
            "id": organization.id,
            "node_id": _node("Organization", organization.id),
            "url": url,
            **{name: url + path for name, path in _ORGANIZATION_LINKS.items()},
            "avatar_url": f"{self.web}/avatars/{organization.id}",
            "description": "",
        }

    def repository(self, repo: Repo) -> Shape:
        url, page = f"{self.api}/repos/{repo.full_name}", f"{self.web}/{repo.full_name}"
        made_at = "2026-01-05T09:00:00Z"
        return {
            "id": repo.id,
            "node_id": _node("Repository", repo.id),
            "name": repo.name,
            "full_name": repo.full_name,
            "owner": self.user(self.document.organization),
            "html_url": page,
            "url": url,
            **{name: url + path for name, path in _REPO_LINKS.items()},
            **{name: made_at for name in ("created_at", "updated_at", "pushed_at")},
            "git_url": f"{page}.git",
            "ssh_url": f"{page}.git",
            "clone_url": f"{page}.git",
            "svn_url": page,
            **_REPO_FACTS,
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
        number = 1 + sum(name.encode())
        return {
            "id": number,
            "node_id": _node("Label", number),
            "url": f"{self.api}/repos/{repo.full_name}/labels/{name}",
            "name": name,
            "color": _LABEL_COLOR,
            "default": False,
            "description": "",
        }

    def team(self, slug: str) -> Shape:
        number = 1 + sum(slug.encode())
        url = f"{self.api}/teams/{number}"
        return {
            "name": slug,
            "id": number,
            "node_id": _node("Team", number),
            "slug": slug,
            "description": None,
            "privacy": "closed",
            "url": url,
            "html_url": f"{self.web}/orgs/{self.document.organization.login}/teams/{slug}",
            "members_url": f"{url}/members{{/member}}",
            "repositories_url": f"{url}/repos",
            "permission": "push",
        }

    def pull(self, pull: Pull, users: Mapping[str, User], repo: Repo) -> Shape:
        """A pull request as single answers and pull_request events show it."""
        return self.listed_pull(pull, users, repo) | {
            "merged": pull.merged_at is not None,
            "mergeable": None,
            "rebaseable": None,
            "mergeable_state": "unknown",
            "merged_by": None,
            "comments": 0,
            "review_comments": 0,
            "maintainer_can_modify": False,
            "commits": 1,
            "additions": sum(file.additions for file in pull.files),
            "deletions": sum(file.deletions for file in pull.files),
            "changed_files": len(pull.files),
        }

    def listed_pull(self, pull: Pull, users: Mapping[str, User], repo: Repo) -> Shape:
        """A pull request as lists and review events show it: without sizes."""
        author = self.user(users[pull.author])
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
            "merge_commit_sha": None,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [self.user(users[login]) for login in pull.requested],
            "requested_teams": [self.team(slug) for slug in pull.requested_teams],
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

    def review(self, review: Review, pull: Pull, users: Mapping[str, User], repo: Repo) -> Shape:
        """As the API shows it; events write the state in small letters."""
        page = f"{self.web}/{repo.full_name}/pull/{pull.number}#pullrequestreview-{review.id}"
        url = f"{self.api}/repos/{repo.full_name}/pulls/{pull.number}"
        return {
            "id": review.id,
            "node_id": _node("PullRequestReview", review.id),
            "user": self.user(users[review.login]),
            "body": review.body,
            "commit_id": pull.head_sha,
            "submitted_at": instant(review.submitted_at),
            "state": review.state,
            "html_url": page,
            "pull_request_url": url,
            "author_association": "MEMBER",
            "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        }

    def installation(self, installation: Installation) -> Shape:
        organization = self.document.organization
        return {
            "id": installation.id,
            "account": self.user(organization),
            "repository_selection": "selected",
            "access_tokens_url": f"{self.api}/app/installations/{installation.id}/access_tokens",
            "repositories_url": f"{self.api}/installation/repositories",
            "html_url": f"{self.web}/settings/installations/{installation.id}",
            "app_id": self.document.app.id,
            "target_id": organization.id,
            "target_type": "Organization",
            "permissions": installation.permissions,
            "events": [],
            "created_at": 1767603600,
            "updated_at": 1767603600,
            "single_file_name": None,
            "suspended_at": instant(installation.suspended_at),
            "suspended_by": None,
        }


def _node(kind: str, number: int) -> str:
    return base64.b64encode(f"{kind}{number}".encode()).decode()
