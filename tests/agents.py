"""What a coding agent reads, from the commands themselves: `python -m tests.agents` writes it.

`llms.txt` and `skills/raytrain/SKILL.md` are written whole, `AGENTS.md` between its two marks.
"""

import re
from pathlib import Path
from typing import Any

from typer.main import get_command

from raytrain.cli import app
from raytrain.cli.app import every_command
from raytrain.config.codes import CODES

ROOT = Path(__file__).parents[1]
BEGIN = "<!-- `make agents` writes the part from here ... -->"
END = "<!-- ... to here -->"
COMMON = ("--set", "--profile", "--local", "--trust")
"""Options of many commands, which are explained once. Every command has --json and --help."""
COMMANDS = every_command(get_command(app))

SUMMARY = (
    "raytrain takes the raw folder of an image-segmentation competition to a scored leaderboard "
    "entry: it checks the data, searches over networks and losses on Ray, cross-validates, chooses "
    "an ensemble by out-of-fold evidence, and writes and sends the run-length encoded CSV."
)
WAY = """\
1. `raytrain init FOLDER --json` looks at the folder or zip and writes a job file; `result.job` is
   its path. Each line of the file has a reason. If `result.questions` is not empty, ask the user,
   and write the answer into the file. Correct each of the `problems`.
2. `raytrain check JOB.yaml --json` reads every file again, after a change. Correct each problem
   at its `path` as its `remedy` says, then run it again until `ok` is true.
3. `raytrain run JOB.yaml --local --json` does everything else. Without `--local` it uses Ray.
   `result.csv` is the checked CSV, `result.score` is the out-of-fold score, and `result.low` to
   `result.high` is its 95 % interval. After an interruption run the same command again: it
   continues and repeats no finished work.
4. Only if the user asks you to send: `raytrain submit JOB.yaml --preview --json` shows what
   would be sent, `result.quota.left_today`, and `result.token`. Show the file, its score and
   the quota to the user. After the user agrees, send exactly this file, once:
   `raytrain submit JOB.yaml --commit TOKEN --json`.
5. `raytrain predict IMAGES --with RUN_FOLDER --json` predicts new images."""
SCORES = """\
- Quote the out-of-fold score with its interval. The best validation score of a search is the
  best of many, so it is too high.
- `raytrain compare RUN A B` tests whether two configurations differ. Do not compare scores by
  eye.
- `raytrain run` sends nothing unless `competition.submission.send` is true. Do not set it, and
  do not run `raytrain submit`, unless the user asks you to."""
JSON = """\
Every command takes `--json`. It then prints one JSON object on stdout, and progress on stderr. No
command asks a question. The object always has these keys:

| key | value |
|---|---|
| `schema` | 1; a change that breaks a reader raises it |
| `command` | the command |
| `ok`, `exit_code` | 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 terminated |
| `result` | the values that are the text without `--json`; after a failure null, or the quota |
| `problems` | one object for each problem: `code`, `path` (a file or a key), `problem`, `remedy` |
| `message` | the whole text of the error |
| `warnings` | warnings, which are also on stderr |"""
OPTIONS = """\
Options of several commands: `--set trial.optimizer.lr=3e-4` overrides any field (repeatable),
`--profile NAME` uses one of the file's profiles, `--local` works in one process without Ray,
`--trust` allows the Python files of somebody else's run."""


def usage(name: str) -> str:
    """The command with its arguments, such as `raytrain check JOB`."""
    words = [f"raytrain {name}"]
    for param in COMMANDS[name].params:
        if param.param_type_name == "argument":
            word = param.name.upper() + ("..." if param.nargs == -1 else "")
            words.append(word if param.required else f"[{word}]")
        elif param.required:
            words.append(f"{param.opts[0]} {param.name.upper()}")
    return " ".join(words)


def options(name: str) -> list[Any]:
    """The options of a command, without those of every command."""
    params = [p for p in COMMANDS[name].params if p.param_type_name == "option"]
    return [p for p in params if p.opts[0] not in ("--json", "--help")]


def about(name: str) -> str:
    """The first sentence or line of its help."""
    return " ".join(COMMANDS[name].help.split("\n\n")[0].split())


def table() -> str:
    """One row for each command: what it does, and the names of its options."""
    rows = ["| command | what it does | options |", "|---|---|---|"]
    for name in COMMANDS:
        words = ", ".join(f"`{option.opts[0]}`" for option in options(name))
        rows.append(f"| `{usage(name)}` | {about(name)} | {words} |")
    return "\n".join(rows)


def listed() -> str:
    """Every command with the help of its options."""
    parts = []
    for name in COMMANDS:
        lines = [f"- `{usage(name)}`: {about(name)}"]
        shared = [f"`{option.opts[0]}`" for option in options(name) if option.opts[0] in COMMON]
        lines += [f"  - {', '.join(shared)}"] if shared else []
        for option in options(name):
            if option.opts[0] not in COMMON:
                lines.append(f"  - `{option.opts[0]}`: {' '.join(option.help.split())}")
        parts.append("\n".join(lines))
    return "\n".join(parts)


def codes() -> str:
    """The codes of problems, and what to do where the problem itself names no remedy."""
    rows = ["| code | meaning | what to do |", "|---|---|---|"]
    rows += [f"| `{code}` | {meaning} | {remedy} |" for code, (meaning, remedy) in CODES.items()]
    return "\n".join(rows)


def pages() -> str:
    """The documentation pages, with what the README says about each."""
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"(?m)^\| (\[.*\]\([^)]+\)) \| (.+) \|$", readme)
    return "\n".join(f"- {links}: {text}" for links, text in rows)


def agents_part() -> str:
    return "\n\n".join([
        "## From a folder to a checked CSV", WAY, "## Quote the right score", SCORES,
        "## Commands", JSON, OPTIONS, table(),
        "`skills/raytrain/SKILL.md` lists the options with their help, and the codes of problems.",
    ])  # fmt: skip


def llms() -> str:
    return "\n\n".join([
        "# raytrain", f"> {SUMMARY}", "## From a folder to a checked CSV", WAY, "## JSON", JSON,
        "## Commands", OPTIONS, listed(), "## Documentation", pages(),
    ]) + "\n"  # fmt: skip


def skill() -> str:
    head = (
        "---\nname: raytrain\ndescription: Takes an image-segmentation competition, such as one of "
        "Kaggle's, from its folder to a checked or sent submission CSV with the raytrain command. "
        "Use it to check data, train and ensemble segmentation networks, predict masks, or encode "
        "and submit them.\n---"
    )
    return "\n\n".join([
        head, "# raytrain", SUMMARY, "## From a folder to a checked CSV", WAY,
        "## Quote the right score", SCORES, "## JSON", JSON, "## Codes of problems", codes(),
        "## Commands", OPTIONS, listed(),
    ]) + "\n"  # fmt: skip


def files() -> dict[Path, str]:
    """Every file and its content."""
    page = ROOT / "AGENTS.md"
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    return {
        page: f"{before}{BEGIN}\n\n{agents_part()}\n\n{END}{after}",
        ROOT / "llms.txt": llms(),
        ROOT / "skills" / "raytrain" / "SKILL.md": skill(),
    }


def main() -> None:
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
