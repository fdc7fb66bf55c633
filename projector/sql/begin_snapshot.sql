-- What follows sees one moment of the write model.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY
