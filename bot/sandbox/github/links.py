"""Fields of GitHub's accounts and repositories: those that hold links, and those that never change here."""

from typing import Any

USER_LINKS = {
    "followers_url": "/followers", "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}", "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs", "repos_url": "/repos", "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}  # fmt: skip
ORGANIZATION_LINKS = {
    "repos_url": "/repos", "events_url": "/events", "hooks_url": "/hooks", "issues_url": "/issues",
    "members_url": "/members{/member}", "public_members_url": "/public_members{/member}",
}  # fmt: skip
REPO_LINKS = {
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
REPO_FACTS: dict[str, Any] = {
    "private": True, "description": None, "fork": False, "homepage": None, "size": 0, "stargazers_count": 0,
    "watchers_count": 0, "language": None, "has_issues": True, "has_projects": True, "has_downloads": True,
    "has_wiki": True, "has_pages": False, "forks_count": 0, "mirror_url": None, "archived": False,
    "disabled": False, "open_issues_count": 0, "license": None, "forks": 0, "open_issues": 0, "watchers": 0,
    "default_branch": "main", "is_template": False, "topics": [], "visibility": "private",
    "web_commit_signoff_required": False, "custom_properties": {},
}  # fmt: skip
