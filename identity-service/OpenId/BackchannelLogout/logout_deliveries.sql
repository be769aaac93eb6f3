-- The current functions and triggers that tell applications of ended sessions (OpenID Connect Back-Channel Logout 1.0). Migrations apply
-- this file; a test compares it with the database. It can run repeatedly, on a database with an older text or none.
--
-- A session of an application ends once: ended_at is set, or the row is deleted while it is not. Each of these writes one row. Nothing else
-- does, so no end counts twice: not that of a session whose row is deleted later, nor that of one which ends together with its sign-in.
-- What ends sessions without touching their rows has to touch them, therefore:
--
-- - a new epoch of a user, or the user's disabling: the trigger logout_user_ended sets ended_at. A user has some dozens of sessions.
-- - a new epoch of an application: SweepSessions deletes the rows in batches. An application may have a million sessions. To insert as many
--   rows took 12 s of processor time. In the transaction of the epoch, it would exceed the service's limit of 2 s for a command, so nobody
--   could disable the application, and verifiers would go on taking its tokens.
--
-- A session that expires is not told: nobody ended it.

CREATE OR REPLACE FUNCTION tell_logout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO logout_deliveries (id, client_id, uri, session_id, user_id, created_at, next_attempt_at)
    SELECT gen_random_uuid(), client_id, backchannel_logout_uri, OLD.id, OLD.user_id, now(), now()
    FROM applications WHERE id = OLD.application_id AND backchannel_logout_uri IS NOT NULL;
    IF FOUND THEN
        PERFORM pg_notify('authmesh_logouts', '');
    END IF;

    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS logout_session_ended ON sessions;
CREATE TRIGGER logout_session_ended AFTER UPDATE OF ended_at ON sessions
FOR EACH ROW WHEN (
    OLD.kind = 'application' AND OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL AND OLD.expires_at > now())
EXECUTE FUNCTION tell_logout();

DROP TRIGGER IF EXISTS logout_session_deleted ON sessions;
CREATE TRIGGER logout_session_deleted AFTER DELETE ON sessions
FOR EACH ROW WHEN (OLD.kind = 'application' AND OLD.ended_at IS NULL AND OLD.expires_at > now())
EXECUTE FUNCTION tell_logout();

CREATE OR REPLACE FUNCTION end_sessions_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions SET ended_at = now()
    WHERE user_id = NEW.id AND kind = 'application' AND ended_at IS NULL AND (epoch <> NEW.epoch OR NEW.disabled_at IS NOT NULL);
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS logout_user_ended ON users;
CREATE TRIGGER logout_user_ended AFTER UPDATE OF epoch, disabled_at ON users
FOR EACH ROW WHEN (OLD.epoch <> NEW.epoch OR OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL)
EXECUTE FUNCTION end_sessions_of_user();

-- Before the cascade, which deletes the sessions when the row that tell_logout reads may be gone.
CREATE OR REPLACE FUNCTION delete_sessions_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sessions WHERE application_id = OLD.id AND kind = 'application';
    RETURN OLD;
END
$$;

DROP TRIGGER IF EXISTS logout_application_deleted ON applications;
CREATE TRIGGER logout_application_deleted BEFORE DELETE ON applications
FOR EACH ROW EXECUTE FUNCTION delete_sessions_first();

CREATE OR REPLACE FUNCTION ask_for_sweep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('authmesh_logouts', '');
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS logout_application_ended ON applications;
CREATE TRIGGER logout_application_ended AFTER UPDATE OF epoch ON applications
FOR EACH ROW WHEN (OLD.epoch <> NEW.epoch AND NEW.backchannel_logout_uri IS NOT NULL)
EXECUTE FUNCTION ask_for_sweep();
