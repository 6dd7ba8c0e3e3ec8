"""The pure core: scores, verdicts, outcomes and statistics, without web, database or network."""
