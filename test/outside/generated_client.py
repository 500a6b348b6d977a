"""A program on the client that openapi-python-client generated from /openapi.json: it starts a migration, follows it to its
end and accepts it. Prints what it got, as one JSON object."""

import json
import os
import threading
import time

import httpx
from control_api import AuthenticatedClient
from control_api.api.migrations import complete_migration, follow_migration, get_migration, start_migration
from control_api.api.rejects import accept_rejects, list_rejects
from control_api.api.service import get_health
from control_api.models import AcceptRequest, EmptyRequest, MigrationStatus, Problem, StartRequest

client = AuthenticatedClient(
    base_url=os.environ["CONTROL_URL"],
    token=os.environ["CUBESHIFT_TOKEN"],
    timeout=httpx.Timeout(60),
    raise_on_unexpected_status=True,
)
got = {"health": get_health.sync(client=client).status}

started = start_migration.sync_detailed("saju-records", client=client, body=StartRequest(id="from-python"))
got["started"] = [int(started.status_code), started.parsed.id, started.parsed.kind.value]

events = []
following = threading.Thread(target=lambda: events.append(follow_migration.sync("from-python", client=client)))
following.start()


def until_at_rest():
    while (view := get_migration.sync("from-python", client=client)).status == MigrationStatus.RUNNING or view.pending:
        time.sleep(0.1)
    return view


view = until_at_rest()
got["rests"] = [view.status.value, view.stage.value, view.progress.migrated + view.progress.rejected]
early = complete_migration.sync("from-python", client=client, body=EmptyRequest())
got["early"] = [isinstance(early, Problem), early.status, "rejects/accept" in early.actions]
got["rejects"] = len(list_rejects.sync("from-python", client=client, limit="1000").items)
accept_rejects.sync("from-python", client=client, body=AcceptRequest(all_=True, by="python", why="wrong in legacy"))
while "complete" not in [action.value for action in until_at_rest().actions]:
    time.sleep(0.1)
got["accepted"] = complete_migration.sync_detailed("from-python", client=client, body=EmptyRequest()).status_code
following.join()
blocks = [dict(line.split(": ", 1) for line in block.split("\n")) for block in events[0].strip().split("\n\n")]
got["events"] = [[block["event"], json.loads(block["data"])["status"]] for block in blocks if "event" in block]
unknown = get_migration.sync("not-there", client=client)
got["unknown"] = [unknown.status, unknown.type_, unknown.detail]
print(json.dumps(got))
