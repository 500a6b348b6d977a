"""A program that knows nothing of this project but the contract: its tokens are made by PyJWT, its flags are set by
redis-py, its buckets are counted by hashlib. Prints what it met, as one JSON object."""

import hashlib
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

import jwt
import redis

gateway, security = os.environ["GATEWAY_URL"], os.environ["SECURITY_URL"]
user_secret, cube_secret = os.environ["USER_JWT_SECRET"], os.environ["CUBE_JWT_SECRET"]
flags = redis.Redis.from_url(os.environ["REDIS_URL"])
now = int(time.time())
users = [f"user-{number}" for number in range(100)] + ["alice", "사용자-1", "a b?c", "🙂"]


def bucket(user):
    return int(hashlib.md5(user.encode()).hexdigest()[:8], 16) % 100


def ask(url, token=None, body=None):
    headers = {"content-type": "application/json"} if body is not None else {}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    text = answer.read().decode()
    return answer.status, answer.headers.get("x-cube-target"), json.loads(text) if text else None


def user_token(user, **claims):
    return jwt.encode({"sub": user, "iss": "heal7-users", "exp": now + 600, **claims}, user_secret, algorithm="HS256")


def target(user):
    status, side, _ = ask(f"{gateway}/api/saju/users/{urllib.parse.quote(user, safe='')}/records", user_token(user))
    return side if status == 200 else status


def until_effective(witness, side):
    """A change takes effect within a second; a loaded machine may need longer."""
    deadline = time.time() + 10
    while target(witness) != side and time.time() < deadline:
        time.sleep(0.05)


def disagreeing(percentage):
    flags.set("saju_cube_user_percentage", str(percentage))
    # Somebody whose side tells whether the gateways know.
    for user in users:
        until_effective(user, "cube" if bucket(user) < percentage else "legacy")
        break
    time.sleep(0.6)
    return [user for user in users if target(user) != ("cube" if bucket(user) < percentage else "legacy")]


met = {"buckets": [bucket(user) for user in ("user-1", "user-2", "alice", "사용자-1")]}
met["disagreeing"] = {str(percentage): disagreeing(percentage) for percentage in (0, 13, 37, 70, 71, 100)}

flags.set("saju_cube_enabled", "false")
until_effective("alice", "legacy")
met["closed"] = sorted({str(target(user)) for user in users})
flags.set("saju_cube_enabled", "true")
until_effective("alice", "cube")
flags.set("saju_cube_user_percentage", "5%")
time.sleep(1)
met["nonsense"] = sorted({str(target(user)) for user in users})


def cube_token(secret=cube_secret, algorithm="HS256", **claims):
    told = {"cube_id": "outside", "permissions": ["token:issue", "saju:call"], "iat": now, "exp": now + 3600}
    return jwt.encode({**told, "iss": "heal7-security-cube", **claims}, secret, algorithm=algorithm)


status, _, issued = ask(f"{security}/tokens", cube_token(), {"cube_id": "ai-cube", "permissions": ["saju:call"]})
claims = jwt.decode(issued["token"], cube_secret, algorithms=["HS256"], issuer="heal7-security-cube")
met["issued"] = [status, claims["cube_id"], claims["permissions"], claims["exp"] - claims["iat"]]


def validated(token):
    return ask(f"{security}/tokens/validate", None, {"token": token})[2]


met["validated"] = {
    "right": validated(issued["token"]),
    "expired": validated(cube_token(iat=now - 7200, exp=now - 3600)),
    "wrong key": validated(cube_token(secret="k" * 40)),
    "none": validated(cube_token(secret=None, algorithm="none")),
    "issuer": validated(cube_token(iss="somebody")),
}


def met_with(token):
    return ask(f"{gateway}/api/saju/users/u/records", token)[0]


met["users"] = {
    "right": met_with(user_token("u")),
    "expired": met_with(user_token("u", exp=now - 120)),
    "future": met_with(user_token("u", nbf=now + 3600)),
    "no end": met_with(jwt.encode({"sub": "u", "iss": "heal7-users"}, user_secret, algorithm="HS256")),
    "none": met_with(jwt.encode({"sub": "u", "iss": "heal7-users", "exp": now + 60}, None, algorithm="none")),
    "wrong key": met_with(jwt.encode({"sub": "u", "iss": "heal7-users", "exp": now + 60}, "k" * 40)),
    "other algorithm": met_with(jwt.encode({"sub": "u", "iss": "heal7-users", "exp": now + 60}, user_secret, "HS512")),
    "a cube's, for nobody": met_with(cube_token()),
}
print(json.dumps(met))
