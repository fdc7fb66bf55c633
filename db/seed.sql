-- Sample events. Run any number of times: what exists stays as it is.

INSERT INTO events (event_id, name, kind, starts_at, venue, currency) VALUES
    ('concert123',      'Midnight Sun Live',       'concert', '2027-06-19T19:30:00Z', 'Harbour Hall',    'EUR'),
    ('sports_event456', 'City Derby',              'sport',   '2027-04-10T14:00:00Z', 'Riverside Ground', 'EUR'),
    ('arena',           'The Great Arena Night',   'concert', '2027-09-04T18:00:00Z', 'Grand Arena',     'EUR'),
    ('1',               'Lighthouse',              'movie',   '2027-02-12T20:15:00Z', 'Corner Cinema',   'EUR')
ON CONFLICT (event_id) DO NOTHING;

-- One appointment a patient, a hold of 20 s: long enough to pay, short enough to watch it run out.
INSERT INTO events (event_id, name, kind, starts_at, venue, currency, seats_per_user_max, hold_ttl_ms)
VALUES ('doctor-friday', 'Dr. Weber, Friday', 'doctor', '2027-01-15T08:00:00Z', 'Elm Street 5', 'EUR', 1, 20000)
ON CONFLICT (event_id) DO NOTHING;

-- concert123: rows A-J of ten seats, A1 .. J10.
INSERT INTO seats (event_id, seat_id, position, section, row_name, number, price_minor)
SELECT 'concert123', chr(65 + r) || n, r * 10 + n - 1, 'Hall', chr(65 + r), n,
       CASE WHEN r < 3 THEN 8900 ELSE 5900 END
FROM generate_series(0, 9) AS r, generate_series(1, 10) AS n
ON CONFLICT (event_id, seat_id) DO NOTHING;

-- sports_event456: two stands of 15 rows of 20 seats, North-1-1 .. South-15-20.
INSERT INTO seats (event_id, seat_id, position, section, row_name, number, price_minor)
SELECT 'sports_event456', stand || '-' || r || '-' || n, s * 300 + (r - 1) * 20 + n - 1, stand, r::text, n, 3500
FROM (VALUES (0, 'North'), (1, 'South')) AS stands (s, stand),
     generate_series(1, 15) AS r, generate_series(1, 20) AS n
ON CONFLICT (event_id, seat_id) DO NOTHING;

-- arena: 10,000 seats, 20 sections of 20 rows of 25, S01-R01-01 .. S20-R20-25.
INSERT INTO seats (event_id, seat_id, position, section, row_name, number, price_minor)
SELECT 'arena',
       'S' || lpad(s::text, 2, '0') || '-R' || lpad(r::text, 2, '0') || '-' || lpad(n::text, 2, '0'),
       (s - 1) * 500 + (r - 1) * 25 + n - 1,
       'S' || lpad(s::text, 2, '0'), 'R' || lpad(r::text, 2, '0'), n,
       CASE WHEN s <= 4 THEN 14900 WHEN s <= 12 THEN 9900 ELSE 4900 END
FROM generate_series(1, 20) AS s, generate_series(1, 20) AS r, generate_series(1, 25) AS n
ON CONFLICT (event_id, seat_id) DO NOTHING;

-- 1: rows A-J of ten seats, A1 .. J10; the last two rows cost more.
INSERT INTO seats (event_id, seat_id, position, section, row_name, number, price_minor)
SELECT '1', chr(65 + r) || n, r * 10 + n - 1, 'Screen 1', chr(65 + r), n, CASE WHEN r < 8 THEN 1150 ELSE 1450 END
FROM generate_series(0, 9) AS r, generate_series(1, 10) AS n
ON CONFLICT (event_id, seat_id) DO NOTHING;

-- doctor-friday: a slot every 20 minutes, 08:00 .. 11:40. A seat costs what is paid when booking: nothing.
INSERT INTO seats (event_id, seat_id, position, section, row_name, number)
SELECT 'doctor-friday', to_char(time '08:00' + n * interval '20 minutes', 'HH24:MI'), n, 'Surgery', 'Morning', n + 1
FROM generate_series(0, 11) AS n
ON CONFLICT (event_id, seat_id) DO NOTHING;
