-- Which worker holds a claim: the process that made it. Whoever lives voids the claims of those
-- that do not.
ALTER TABLE processed ADD COLUMN claimed_by TEXT;
