"""As much of a W&B server as the client needs to log a run: GraphQL, the file stream, uploads."""

import contextlib
import json
import re
import threading
import time

from tests.support import http_server


class Server:
    """Keeps what it is sent; can be told to hang, as behind a network that has died."""

    def __init__(self):
        self.history, self.configs, self.summaries, self.artifacts = {}, {}, {}, {}
        self.unknown = set()
        self.hanging = threading.Event()
        self._running = contextlib.ExitStack()
        self.url = self._running.enter_context(http_server.serving(_handler(self))).url

    def close(self):
        """Ends it, if that was not done before."""
        self._running.close()

    def respond(self, name, values):
        """Returns the data for a GraphQL query by name."""
        run = values.get("name") or values.get("run")
        if name == "Viewer":
            return {"viewer": {"id": "VXNlcjox", "entity": "me", "username": "me", "email": "a@b",
                               "flags": "{}", "teams": {"edges": []}}}  # fmt: skip
        if name == "RunResumeStatus":
            return {"model": {"id": "p", "name": "p", "entity": {"id": "me", "name": "me"},
                              "bucket": self._bucket(run)}}  # fmt: skip
        if name == "UpsertBucket":
            return {"upsertBucket": {"bucket": self._upsert(run, values), "inserted": True}}
        if name == "CreateRunFiles":
            files = [{"name": file, "uploadUrl": f"{self.url}/upload"} for file in values["files"]]
            return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}
        if name == "ArtifactType":
            return {"project": {"artifact": None}}
        if name == "CreateArtifact":
            asked = values["input"]
            self.artifacts[asked["artifactCollectionName"]] = asked
            sequence = {"id": "s", "latestArtifact": None}
            found = {"id": "QXJ0", "state": "COMMITTED", "artifactSequence": sequence}
            return {"createArtifact": {"artifact": found}}
        self.unknown.add(name)
        return {}

    def _upsert(self, run, values):
        self.history.setdefault(run, {})
        for kept, key in ((self.configs, "config"), (self.summaries, "summaryMetrics")):
            kept.setdefault(run, {}).update(json.loads(values.get(key) or "{}"))
        # A count here is for forks; a run that is not resumed is documented to be overwritten.
        return {"id": "r", "name": run, "displayName": run, "description": "", "config": "{}",
                "sweepName": None, "historyLineCount": None,
                "project": {"id": "p", "name": values.get("project") or "p",
                            "entity": {"id": "me", "name": "me"}}}  # fmt: skip

    def _bucket(self, run):
        if run not in self.history:
            return None
        lines = [line for _, line in sorted(self.history[run].items())]
        return {"id": "r", "name": run, "displayName": run, "logLineCount": 0,
                "summaryMetrics": json.dumps(self.summaries[run]), "eventsLineCount": 0,
                "historyLineCount": len(lines), "historyTail": json.dumps(lines[-1:]),
                "eventsTail": "[]", "config": json.dumps(self.configs[run]), "tags": [],
                "notes": None, "wandbConfig": json.dumps({"t": 1})}  # fmt: skip

    def stream(self, run, sent):
        """Takes lines of a run at their places."""
        part = sent.get("files", {}).get("wandb-history.jsonl")
        for index, line in enumerate(part["content"] if part else ()):
            self.history.setdefault(run, {})[part["offset"] + index] = line
        summary = sent.get("files", {}).get("wandb-summary.json")
        if summary:
            self.summaries.setdefault(run, {}).update(json.loads(summary["content"][-1]))


def _handler(server):
    class Handler(http_server.Handler):
        def reply(self):
            body = self.body()
            while server.hanging.is_set():
                time.sleep(0.2)
            response = {}
            if self.path == "/graphql":
                asked = json.loads(body)
                name = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"]).group(1)
                response = {"data": server.respond(name, asked.get("variables") or {})}
            elif self.path.endswith("/file_stream"):
                server.stream(self.path.split("/")[-2], json.loads(body))
            headers = {"Content-Type": "application/json"}
            self.respond(200, json.dumps(response).encode(), headers)

    return Handler
