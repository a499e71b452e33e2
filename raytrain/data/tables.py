"""CSV files beside the data, every cell as text."""

from pathlib import Path

import pandas as pd

from raytrain.config.errors import unknown_name


def read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    """The file, an empty cell as "". Raises ValueError when it or one of `columns` is missing."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a CSV file in UTF-8: {str(error).strip()}") from None
    for column in columns:
        if column not in table:
            raise ValueError(f"{path}: column {unknown_name(column, table.columns)}")
    return table
