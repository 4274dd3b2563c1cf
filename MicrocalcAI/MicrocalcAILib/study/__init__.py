"""Reader studies: a plan, a list of cases for each reader, blinded readings, answers that survive a crash, tables."""
