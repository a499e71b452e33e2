"""From trained members to masks: what the members are, their score, and prediction."""
