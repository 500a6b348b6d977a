"""The files of the stand-in's models and the rows of legacy's table `ai_models` that name them, as they are put together."""

import hashlib
import json
import os


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Catalogue:
    """Writes below `root`: `models` is what LEGACY_MODEL_DIR holds, `earlier` what legacy still has loaded, `outside` what
    lies next to the folder."""

    def __init__(self, root):
        self.root = root
        self.models = []
        self.expected = {}

    def write(self, path, content):
        """Writes the file, whose path begins with one of the three folders; returns its sum."""
        target = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)
        return sha256(content)

    def read(self, path):
        with open(os.path.join(self.root, path), "rb") as file:
            return file.read()

    def write_rows(self, name, rows, labels):
        """A held-out set: JSON lines. Returns what `metrics` says of it."""
        lines = [
            json.dumps({"inputs": row, "label": label}, ensure_ascii=False, separators=(",", ":"))
            for row, label in zip(rows, labels, strict=True)
        ]
        path = f"tests/{name}.jsonl"
        return {"test_set": path, "test_sha256": self.write(f"models/{path}", ("\n".join(lines) + "\n").encode())}

    def add(self, name, outcome, why, artifact, **row):
        """A row of the table. `sha256` is that of the artifact unless given; `loaded` names file and version that legacy has loaded
        where they are not the row's; `comparison` is kept with the expected outcome."""
        extra = {key: row.pop(key) for key in ("loaded", "larger", "link") if key in row}
        known = {key: row.pop(key) for key in ("comparison", "int8", "needs", "after") if key in row}
        columns = {
            "id": len(self.models) + 1,
            "name": name,
            "version": "1.0.0",
            "framework": "onnx",
            "artifact_path": artifact,
            "sha256": row["sha256"] if "sha256" in row else sha256(self.read(f"models/{artifact}")),
            "input_schema": [],
            "metrics": None,
            "created_at": f"2024-{1 + len(self.models) % 12:02d}-15T03:{len(self.models):02d}:00Z",
            **row,
        }
        self.models.append({"row": columns, **extra})
        self.expected[name] = {"outcome": outcome, "why": why, **known}

    def save(self):
        for name, content in (("manifest", {"models": self.models}), ("expected", self.expected)):
            with open(os.path.join(self.root, f"{name}.json"), "w", encoding="utf-8") as file:
                json.dump(content, file, ensure_ascii=False, indent=2)
                file.write("\n")
