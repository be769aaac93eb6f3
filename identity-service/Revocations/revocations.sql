-- The current functions and triggers of the revocation log. Migrations apply this file; a test compares it with the database.
-- It can run repeatedly, on a database with an older text or none.
--
-- Triggers write the log, so no code path and no operator at a psql prompt can forget an entry. The triggers are deferred: they run
-- last before the commit. The first one takes a lock and holds it until the commit is visible, so entries become visible in the order
-- of their positions.

CREATE SEQUENCE IF NOT EXISTS revocation_positions;

-- A malformed subject would stop every reader, so the table rejects it even when written by hand.
ALTER TABLE revocations DROP CONSTRAINT IF EXISTS ck_revocations;
ALTER TABLE revocations ADD CONSTRAINT ck_revocations CHECK (CASE kind
    WHEN 'session-ended' THEN subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    WHEN 'user-below-epoch' THEN subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' AND epoch IS NOT NULL
    WHEN 'application-below-epoch' THEN subject ~ '^[a-z0-9][a-z0-9._-]{0,63}$' AND epoch IS NOT NULL
    WHEN 'key-distrusted' THEN subject ~ '^[A-Za-z0-9_-]+$'
    ELSE kind = 'keys-changed' END);

CREATE OR REPLACE FUNCTION write_revocation(kind text, subject text, epoch integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7022647185815400295); -- "authmlog"
    INSERT INTO revocations (position, mark, kind, subject, epoch, written_at)
    VALUES (nextval('revocation_positions'), gen_random_uuid(), kind, subject, epoch, clock_timestamp());
    PERFORM pg_notify('authmesh_revocations', '');
END
$$;

CREATE OR REPLACE FUNCTION revoke_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- An application may have a million sessions, and a user some dozens with applications. If an epoch ended them, its one entry refuses the
    -- tokens of them all: see revoke_application and revoke_user.
    IF OLD.kind = 'application' AND NOT EXISTS (
        SELECT 1 FROM applications a, users u
        WHERE a.id = OLD.application_id AND a.epoch = OLD.client_epoch AND u.id = OLD.user_id AND u.epoch = OLD.epoch) THEN
        RETURN NULL;
    END IF;

    PERFORM write_revocation('session-ended', OLD.id::text, NULL);
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS session_ended ON sessions;
CREATE CONSTRAINT TRIGGER session_ended AFTER UPDATE OF ended_at ON sessions DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION revoke_session();

-- Cleanup deletes dead sessions without an entry, because verifiers already refuse their tokens.
DROP TRIGGER IF EXISTS session_deleted ON sessions;
CREATE CONSTRAINT TRIGGER session_deleted AFTER DELETE ON sessions DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (OLD.ended_at IS NULL AND OLD.expires_at > now()) EXECUTE FUNCTION revoke_session();

CREATE OR REPLACE FUNCTION revoke_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Every epoch is below the largest integer, so no token of a deleted user passes.
    PERFORM write_revocation('user-below-epoch', OLD.id::text, CASE TG_OP WHEN 'DELETE' THEN 2147483647 ELSE NEW.epoch END);
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS user_epoch_raised ON users;
CREATE CONSTRAINT TRIGGER user_epoch_raised AFTER UPDATE OF epoch ON users DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (OLD.epoch <> NEW.epoch) EXECUTE FUNCTION revoke_user();

DROP TRIGGER IF EXISTS user_deleted ON users;
CREATE CONSTRAINT TRIGGER user_deleted AFTER DELETE ON users DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION revoke_user();

-- Every application takes its epochs from one sequence. So an application that gets the name of a deleted one has a larger epoch than
-- the entry that refuses the deleted one's tokens.
CREATE OR REPLACE FUNCTION revoke_application() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM write_revocation(
        'application-below-epoch', OLD.client_id, CASE TG_OP WHEN 'DELETE' THEN OLD.epoch + 1 ELSE NEW.epoch END);
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS application_epoch_raised ON applications;
CREATE CONSTRAINT TRIGGER application_epoch_raised AFTER UPDATE OF epoch ON applications DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (OLD.epoch <> NEW.epoch) EXECUTE FUNCTION revoke_application();

DROP TRIGGER IF EXISTS application_deleted ON applications;
CREATE CONSTRAINT TRIGGER application_deleted AFTER DELETE ON applications DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION revoke_application();

CREATE OR REPLACE FUNCTION announce_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM write_revocation('keys-changed', '', NULL);
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS keys_changed ON ring_keys;
CREATE CONSTRAINT TRIGGER keys_changed AFTER INSERT OR UPDATE OR DELETE ON ring_keys DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION announce_keys();
