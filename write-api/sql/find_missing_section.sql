-- The first of the sections that the event does not have, from 0. $1 event, $2 sections.
SELECT u.i - 1
FROM unnest($2::text[]) WITH ORDINALITY AS u (section, i)
WHERE NOT EXISTS (SELECT FROM seats AS s WHERE s.event_id = $1 AND s.section = u.section)
ORDER BY u.i
LIMIT 1
