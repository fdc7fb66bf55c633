-- What the worker writes, decision by decision, for tests of those who read it: lib/PROTOCOL.md,
-- "The write model".

CREATE FUNCTION booking(number integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT ('00000000-0000-8000-8000-' || lpad(number::text, 12, '0'))::uuid
$$;

-- A row of the log for the booking as it stands, with the seats that changed.
CREATE FUNCTION story_log(of_booking uuid, of_command text, of_actor text, of_refusal text,
                          of_result text, changed seats[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO booking_log (booking_id, booking_version, event_id, user_id, mode, status, reason,
        booking_seats, seats_lost, requested_at, decided_at, expires_at, seat_ids, seat_positions,
        seat_statuses, seat_versions, command, command_id, actor, result, refusal, extensions,
        seat_prices, total_minor, currency, payment_reference)
    SELECT booking_id, version, event_id, user_id, mode, status, reason, seat_ids, seats_lost,
           requested_at,
           CASE WHEN version = 1 OR of_result = 'done' THEN decided_at ELSE clock_timestamp() END,
           expires_at, ARRAY(SELECT seat_id FROM unnest(changed)),
           ARRAY(SELECT position FROM unnest(changed)), ARRAY(SELECT status FROM unnest(changed)),
           ARRAY(SELECT version FROM unnest(changed)), of_command,
           CASE WHEN of_command IN ('confirm', 'extend', 'cancel') THEN gen_random_uuid() END,
           of_actor, of_result, of_refusal, extensions, seat_prices, total_minor, currency,
           payment_reference
    FROM bookings WHERE booking_id = of_booking
$$;

-- A booking of available seats: held for a minute, or booked at once.
CREATE FUNCTION make(new_booking integer, of_event text, of_user text, wanted text[],
                     by text DEFAULT 'hold') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    taken seats[];
BEGIN
    WITH t AS (UPDATE seats SET booking_id = booking(new_booking), user_id = of_user,
                   status = CASE by WHEN 'hold' THEN 'held' ELSE 'booked' END,
                   version = version + 1,
                   hold_expires_at = CASE by WHEN 'hold' THEN now() + interval '1 min' END
               WHERE event_id = of_event AND seat_id = ANY (wanted) AND status = 'available'
               RETURNING *)
    SELECT array_agg(t::seats ORDER BY array_position(wanted, t.seat_id)) INTO taken FROM t;
    IF coalesce(cardinality(taken), 0) <> cardinality(wanted) THEN
        RAISE EXCEPTION 'not all of % are available', wanted;
    END IF;
    INSERT INTO bookings (booking_id, event_id, user_id, mode, seat_ids, status, requested_at,
        decided_at, expires_at, seat_prices, total_minor, currency)
    VALUES (booking(new_booking), of_event, of_user, by, wanted,
        CASE by WHEN 'hold' THEN 'held' ELSE 'confirmed' END, '2026-03-01T19:30:00.123Z',
        clock_timestamp(), CASE by WHEN 'hold' THEN now() + interval '1 min' END,
        ARRAY(SELECT price_minor FROM unnest(taken)),
        (SELECT sum(price_minor) FROM unnest(taken)), 'EUR');
    PERFORM story_log(booking(new_booking), by, of_user, NULL, 'done', taken);
END
$$;

-- One decision about a booking: the status that it brings, or why it is not done.
-- Without a command its hold ran out.
CREATE FUNCTION decide(known integer, by text, becomes text, refusal text DEFAULT NULL,
                       result text DEFAULT 'refused') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    changed seats[] := '{}';
BEGIN
    UPDATE bookings SET version = version + 1 WHERE booking_id = booking(known);
    IF refusal IS NULL THEN
        UPDATE bookings
        SET status = becomes, decided_at = clock_timestamp(),
            reason = CASE becomes WHEN 'expired' THEN 'hold_expired' END,
            extensions = extensions + (coalesce(by, '') = 'extend')::integer,
            expires_at = CASE becomes WHEN 'held' THEN expires_at + interval '1 min'
                                      WHEN 'expired' THEN expires_at END,
            payment_reference = CASE becomes WHEN 'confirmed' THEN 'pay_1'
                                             ELSE payment_reference END
        WHERE booking_id = booking(known);
    END IF;
    IF refusal IS NULL AND becomes <> 'held' THEN
        WITH t AS (UPDATE seats
                   SET status = CASE becomes WHEN 'confirmed' THEN 'booked' ELSE 'available' END,
                       booking_id = CASE becomes WHEN 'confirmed' THEN booking_id END,
                       user_id = CASE becomes WHEN 'confirmed' THEN user_id END,
                       hold_expires_at = NULL, version = version + 1
                   WHERE booking_id = booking(known)
                   RETURNING *)
        SELECT array_agg(t::seats) INTO changed FROM t;
    END IF;
    PERFORM story_log(booking(known), by, CASE WHEN by IS NOT NULL THEN 'someone' END, refusal,
                      CASE WHEN refusal IS NULL THEN 'done' ELSE result END, changed);
END
$$;

-- Someone confirmed a booking that was never made.
CREATE FUNCTION never_made(unknown integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bookings (booking_id, seat_ids, status, reason, requested_at, decided_at)
    VALUES (booking(unknown), '{}', 'rejected', 'booking_not_found', now(), now());
    PERFORM story_log(booking(unknown), 'confirm', 'u', 'booking_not_found', 'refused', '{}');
END
$$;

-- An administrator's command: seats that become blocked or available, or an event that is cancelled.
CREATE FUNCTION administer(new_booking integer, by text, of_event text, wanted text[],
                           could_not text[] DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    changed seats[];
BEGIN
    WITH t AS (UPDATE seats
               SET status = CASE by WHEN 'block' THEN 'blocked' ELSE 'available' END,
                   version = version + 1
               WHERE event_id = of_event AND seat_id = ANY (wanted)
                 AND NOT seat_id = ANY (could_not)
               RETURNING *)
    SELECT coalesce(array_agg(t::seats), '{}') INTO changed FROM t;
    IF by = 'cancel_event' THEN
        UPDATE events SET cancelled_at = now(), version = version + 1 WHERE event_id = of_event;
    END IF;
    INSERT INTO bookings (booking_id, event_id, user_id, mode, seat_ids, seats_lost, status,
                          requested_at, decided_at)
    VALUES (booking(new_booking), of_event, 'root', by, wanted, could_not, 'done', now(),
            clock_timestamp());
    PERFORM story_log(booking(new_booking), by, 'root', NULL, 'done', changed);
END
$$;
