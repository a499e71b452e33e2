"""`ledger`: what was prepared and sent for a competition, as a table for the terminal."""

from rich.table import Table

from raytrain.pipeline.tables import as_text
from raytrain.runs.layout import RunDir
from raytrain.submission.ledger import read_ledger, summary


def ledger_table(run: RunDir) -> str:
    """The competition's ledger, one row a submission with its latest state, oldest first.

    Raises ValueError naming a line that is not an event.
    """
    rows = summary(read_ledger(run.ledger))
    if not rows:
        return f"nothing was prepared or sent yet: run `raytrain submit` ({run.ledger})"
    table = Table(title=f"ledger of {run.path.parent.name}", title_justify="left")
    for column in rows[0]:
        table.add_column(column, no_wrap=column != "reason", overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    return as_text(table)
