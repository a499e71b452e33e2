"""The way from masks to a leaderboard entry: encodings, the CSV and its checks, the ledger,
Kaggle."""
