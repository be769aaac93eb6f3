-- A database as commit fbf85dc left it, for UpgradeTests: users carol, dave@example.com and the admin root, who share one password, and
-- their sessions. The test has the master key and the tokens. Made by pg_dump --no-owner --column-inserts, without its session settings.
CREATE FUNCTION public.announce_keys() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM write_revocation('keys-changed', '', NULL);
    RETURN NULL;
END
$$;
CREATE FUNCTION public.revoke_session() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM write_revocation('session-ended', OLD.id::text, NULL);
    RETURN NULL;
END
$$;
CREATE FUNCTION public.revoke_user() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- Deleted: below every epoch that there can be.
    PERFORM write_revocation('user-below-epoch', OLD.id::text, CASE TG_OP WHEN 'DELETE' THEN 2147483647 ELSE NEW.epoch END);
    RETURN NULL;
END
$$;
CREATE FUNCTION public.write_revocation(kind text, subject text, epoch integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7022647185815400295); -- "authmlog"
    INSERT INTO revocations (position, mark, kind, subject, epoch, written_at)
    VALUES (nextval('revocation_positions'), gen_random_uuid(), kind, subject, epoch, clock_timestamp());
    PERFORM pg_notify('authmesh_revocations', '');
END
$$;
CREATE TABLE public."__EFMigrationsHistory" (
    "MigrationId" character varying(150) NOT NULL,
    "ProductVersion" character varying(32) NOT NULL
);
CREATE TABLE public.attempt_counts (
    key bytea NOT NULL,
    count integer NOT NULL,
    resets_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.revocation_positions
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE public.revocations (
    "position" bigint NOT NULL,
    mark uuid NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    epoch integer,
    written_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_revocations CHECK (
CASE kind
    WHEN 'session-ended'::text THEN (subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'::text)
    WHEN 'user-below-epoch'::text THEN ((subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'::text) AND (epoch IS NOT NULL))
    WHEN 'key-distrusted'::text THEN (subject ~ '^[A-Za-z0-9_-]+$'::text)
    ELSE (kind = 'keys-changed'::text)
END)
);
CREATE TABLE public.ring_keys (
    id text NOT NULL,
    purpose text NOT NULL,
    state text NOT NULL,
    sealed_secret bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    activated_at timestamp with time zone,
    retired_at timestamp with time zone
);
CREATE TABLE public.sessions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    epoch integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    device character varying(200) NOT NULL,
    ended_at timestamp with time zone,
    cookie_hash bytea DEFAULT '\x'::bytea NOT NULL,
    network character varying(64) DEFAULT ''::character varying NOT NULL,
    refresh_counter integer DEFAULT 0 NOT NULL,
    refreshed_at timestamp with time zone
);
CREATE TABLE public.users (
    id uuid NOT NULL,
    username character varying(64) NOT NULL,
    normalized_username character varying(64) NOT NULL COLLATE pg_catalog."C",
    password_hash text NOT NULL,
    role text NOT NULL,
    epoch integer NOT NULL,
    is_demo boolean NOT NULL,
    disabled_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_users_role CHECK ((role = ANY (ARRAY['user'::text, 'admin'::text])))
);
CREATE TABLE public.verifiers (
    instance uuid NOT NULL,
    name character varying(200) NOT NULL,
    key_ids text[] NOT NULL,
    seen_at timestamp with time zone NOT NULL
);
INSERT INTO public."__EFMigrationsHistory" ("MigrationId", "ProductVersion") VALUES ('20261123051623_Initial', '10.0.15');
INSERT INTO public."__EFMigrationsHistory" ("MigrationId", "ProductVersion") VALUES ('20261123075115_Revocations', '10.0.15');
INSERT INTO public."__EFMigrationsHistory" ("MigrationId", "ProductVersion") VALUES ('20261123112711_AttemptCounts', '10.0.15');
INSERT INTO public."__EFMigrationsHistory" ("MigrationId", "ProductVersion") VALUES ('20261123113405_UserOrder', '10.0.15');
INSERT INTO public.attempt_counts (key, count, resets_at) VALUES ('\x7dc3f2cde972e11f4d3e6637d7ddfff2ffeee5662c90ed4b46b073f09e5e2612', 2, '2026-11-28 21:14:08.601551+00');
INSERT INTO public.attempt_counts (key, count, resets_at) VALUES ('\x2b902c88098c12351b6f86aa4a85db4f98390b3577ff9783223955db9f6ff09e', 0, '2026-11-28 21:14:08.74654+00');
INSERT INTO public.attempt_counts (key, count, resets_at) VALUES ('\x670d6da29ddc6926fc0d39f752f7cffd7c356bbc458fd048aed0fa88a2e99143', 0, '-infinity');
INSERT INTO public.attempt_counts (key, count, resets_at) VALUES ('\x611d8ca0734063dc2034da689f0f46163c5ea955c29bb1733c948769c485d195', 0, '2026-11-28 21:14:08.959499+00');
INSERT INTO public.attempt_counts (key, count, resets_at) VALUES ('\x828b7a8ce13d482602c6915de9eb22fe2a88c128d7b76102cd14977da9638525', 0, '-infinity');
INSERT INTO public.attempt_counts (key, count, resets_at) VALUES ('\x5f1cbd43e14a049c36c50381b48b6e08411344afd4a35e9c17ef2308d51321e6', 0, '2026-11-28 20:29:08.74654+00');
INSERT INTO public.attempt_counts (key, count, resets_at) VALUES ('\x78968edefba78953f9f854a4cd84b969e7b2fa48513f483c2c002e7862a383e1', 0, '-infinity');
INSERT INTO public.attempt_counts (key, count, resets_at) VALUES ('\x9c476a437f13ad4d700bb405d0967bd2a30180d6f5b6f88852245c2be3456331', 0, '2026-11-28 21:14:08.97919+00');
INSERT INTO public.revocations ("position", mark, kind, subject, epoch, written_at) VALUES (1, 'dee84450-40ef-4b92-bbd2-e926614c4aef', 'keys-changed', '', NULL, '2026-11-28 20:14:07.817844+00');
INSERT INTO public.revocations ("position", mark, kind, subject, epoch, written_at) VALUES (2, 'cb7ef491-83ab-4312-8fad-f16872a55b14', 'keys-changed', '', NULL, '2026-11-28 20:14:07.818649+00');
INSERT INTO public.revocations ("position", mark, kind, subject, epoch, written_at) VALUES (3, 'fb268393-fabd-4876-a944-d659dd4edaea', 'keys-changed', '', NULL, '2026-11-28 20:14:07.818787+00');
INSERT INTO public.revocations ("position", mark, kind, subject, epoch, written_at) VALUES (4, 'be002423-2e8e-4c27-9761-8cfb54a0b89c', 'keys-changed', '', NULL, '2026-11-28 20:14:07.818816+00');
INSERT INTO public.revocations ("position", mark, kind, subject, epoch, written_at) VALUES (5, '48ae34cd-38a2-4fa2-9b36-bd5b47d8e46c', 'session-ended', '01a223cb-3208-7f0a-b198-0700bc7d56cd', NULL, '2026-11-28 20:14:08.937833+00');
INSERT INTO public.ring_keys (id, purpose, state, sealed_secret, created_at, activated_at, retired_at) VALUES ('30yUIMmkG1N7TaFyf66cigrx89Z0dcVtwoY2dAyhBXM', 'Signing', 'Current', '\x924f05dd0cc328da1468f016b3c7947859b41bb6347c6d7e0065fedfcf57046b1382e81f5afbe66c044e93a2db027ead707d704acd41220133ba3394af47eaf524f8a2923ea7c2eace21f712df72c5d2c4697f841fae9f23766ee54dffe8d7ea196d1617dc4acaf255d56481e1aa30d1d357d69933cf12a17cdb6cb81f6f441ca2c83e8c3cff3f85648ade03c25cf734dd480c2ff197d75e754c47c94fba18c35fb4989a2c98', '2026-11-28 20:14:07.470557+00', '2026-11-28 20:14:07.470557+00', NULL);
INSERT INTO public.ring_keys (id, purpose, state, sealed_secret, created_at, activated_at, retired_at) VALUES ('QtIqH9819KbvO9-auXsq5CjJwQA0vl6pis3vqNl6XCM', 'Signing', 'Announced', '\x0a8d3c4da1a0a2b63eabc6d804eec39f53f5ce20857662b36feaac121681841d82b8e2fd906cc769813ceeab937e11fdbda15c1a075ce30bbe7ccf1c41f86b38946a35f14acaa34ee2c0b920458a6c1b4567bf7a56d180e89af558121c72f8759191de64a6fde00b2622328273952cf8a73dd54ec97d17149bad9c7294ed1d2f20b3d986c76fd3ac04d0dafa59370b7645e189e2f230e1a630e9b32f9a7385e69a60adfa6ec9', '2026-11-28 20:14:07.470557+00', NULL, NULL);
INSERT INTO public.ring_keys (id, purpose, state, sealed_secret, created_at, activated_at, retired_at) VALUES ('c8b6b47d', 'Pepper', 'Current', '\x51c7f2be35a078d1c2160eb620547797064a0e8ccfc21669b5a0cbc1c58474c2ca8ff07b52a0941090dd6bf62ed98050c501d49b6250ef629a04a3442d3fef732505e2b9fbaa3b623de6b65a', '2026-11-28 20:14:07.470557+00', '2026-11-28 20:14:07.470557+00', NULL);
INSERT INTO public.ring_keys (id, purpose, state, sealed_secret, created_at, activated_at, retired_at) VALUES ('d3945821', 'RefreshToken', 'Current', '\xbba02e58847c0e104e5b867d6f9da8659bf7d70fd6c85263e7641885aeb89d7390f9b1878d27d7308ac4437a98a11faeac3119e9f022808322bb1212', '2026-11-28 20:14:07.470557+00', '2026-11-28 20:14:07.470557+00', NULL);
INSERT INTO public.sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, ended_at, cookie_hash, network, refresh_counter, refreshed_at) VALUES ('01a223cb-3188-765c-8018-818508e2bab2', '01a223cb-30fb-74a2-b4de-050277df066b', 0, '2026-11-28 20:14:08.779598+00', '2026-11-28 20:14:08.779598+00', '2026-12-12 20:14:08.779598+00', 'a browser/1.0', NULL, '\xec5cd85e6f3b327ee60089c48cf8b0de4ef86b42601c2b9cf5afdc9806536c54', '203.0.113.7', 0, NULL);
INSERT INTO public.sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, ended_at, cookie_hash, network, refresh_counter, refreshed_at) VALUES ('01a223cb-31d2-71cc-84a7-50a7465da5ef', '01a223cb-30fb-74a2-b4de-050277df066b', 0, '2026-11-28 20:14:08.850801+00', '2026-11-28 20:14:08.870875+00', '2026-12-12 20:14:08.870875+00', 'a console/1.0', NULL, '\xdf4f00ec0bf9c13974c3bc9e0b4d8ee5f53632eee777ff396ff7b5122ef5b560', '203.0.113.7', 1, '2026-11-28 20:14:08.870875+00');
INSERT INTO public.sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, ended_at, cookie_hash, network, refresh_counter, refreshed_at) VALUES ('01a223cb-3208-7f0a-b198-0700bc7d56cd', '01a223cb-30fb-74a2-b4de-050277df066b', 0, '2026-11-28 20:14:08.905139+00', '2026-11-28 20:14:08.905139+00', '2026-12-12 20:14:08.905139+00', 'an old client/1.0', '2026-11-28 20:14:08.927889+00', '\x9c23da9996dbead29ce9f8c4822724e97d0f62c52b979369a42d97809d140c7e', '203.0.113.7', 0, NULL);
INSERT INTO public.sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, ended_at, cookie_hash, network, refresh_counter, refreshed_at) VALUES ('01a223cb-3247-7450-a06c-853877f2c303', '01a223cb-3127-733c-82ce-7665fb5f9ac1', 0, '2026-11-28 20:14:08.967901+00', '2026-11-28 20:14:08.967901+00', '2026-12-12 20:14:08.967901+00', 'an old client/1.0', NULL, '\x2c6dd0d3af49df2c57adebb9cd8bd2efaffae7282bb12012b6b0f4c70cc841b1', '203.0.113.7', 0, NULL);
INSERT INTO public.sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, ended_at, cookie_hash, network, refresh_counter, refreshed_at) VALUES ('01a223cb-325d-7e89-b243-cdcc95545099', '01a223cb-2e3e-72b3-aefe-f156b86cdc0d', 0, '2026-11-28 20:14:08.989654+00', '2026-11-28 20:14:08.989654+00', '2026-12-12 20:14:08.989654+00', 'an old client/1.0', NULL, '\x02d3351bf1036588edb7dd1dc693752341bd8181769a8d0a1b362d018567454c', '203.0.113.7', 0, NULL);
INSERT INTO public.users (id, username, normalized_username, password_hash, role, epoch, is_demo, disabled_at, created_at) VALUES ('01a223cb-2e3e-72b3-aefe-f156b86cdc0d', 'root', 'root', 'hmac-sha384+bcrypt:c8b6b47d:$2a$04$NmbMnAG.6pdU7yJ8h1c2C.vqxFdxmM.zLjUegdhuWsHANiD9JzUqG', 'admin', 0, false, NULL, '2026-11-28 20:14:07.93487+00');
INSERT INTO public.users (id, username, normalized_username, password_hash, role, epoch, is_demo, disabled_at, created_at) VALUES ('01a223cb-30fb-74a2-b4de-050277df066b', 'carol', 'carol', 'hmac-sha384+bcrypt:c8b6b47d:$2a$04$eWvWzzHkcvGvxxseGPDmdeeJEWwjMiy/y4ggCyNF43u/3uzTysvya', 'user', 0, false, NULL, '2026-11-28 20:14:08.635835+00');
INSERT INTO public.users (id, username, normalized_username, password_hash, role, epoch, is_demo, disabled_at, created_at) VALUES ('01a223cb-3127-733c-82ce-7665fb5f9ac1', 'dave@example.com', 'dave@example.com', 'hmac-sha384+bcrypt:c8b6b47d:$2a$04$x7te3.9vYwJt5gAWEqNv3.RtkBEAZDHpGHGie8nObQFKFRrXzTLcS', 'user', 0, false, NULL, '2026-11-28 20:14:08.679338+00');
INSERT INTO public.verifiers (instance, name, key_ids, seen_at) VALUES ('53d8f1bf-bcab-4742-addc-29c9e5c43b3e', 'identity-service on a host, process 1', '{30yUIMmkG1N7TaFyf66cigrx89Z0dcVtwoY2dAyhBXM,QtIqH9819KbvO9-auXsq5CjJwQA0vl6pis3vqNl6XCM}', '2026-11-28 20:14:08.139674+00');
SELECT pg_catalog.setval('public.revocation_positions', 5, true);
ALTER TABLE ONLY public."__EFMigrationsHistory"
    ADD CONSTRAINT "PK___EFMigrationsHistory" PRIMARY KEY ("MigrationId");
ALTER TABLE ONLY public.attempt_counts
    ADD CONSTRAINT "PK_attempt_counts" PRIMARY KEY (key);
ALTER TABLE ONLY public.revocations
    ADD CONSTRAINT "PK_revocations" PRIMARY KEY ("position");
ALTER TABLE ONLY public.ring_keys
    ADD CONSTRAINT "PK_ring_keys" PRIMARY KEY (id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT "PK_sessions" PRIMARY KEY (id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT "PK_users" PRIMARY KEY (id);
ALTER TABLE ONLY public.verifiers
    ADD CONSTRAINT "PK_verifiers" PRIMARY KEY (instance);
CREATE INDEX "IX_sessions_user_id" ON public.sessions USING btree (user_id);
CREATE UNIQUE INDEX ux_ring_keys_current ON public.ring_keys USING btree (purpose) WHERE (state = 'Current'::text);
CREATE UNIQUE INDEX ux_sessions_cookie_hash ON public.sessions USING btree (cookie_hash) WHERE (cookie_hash <> '\x'::bytea);
CREATE UNIQUE INDEX ux_users_normalized_username ON public.users USING btree (normalized_username);
CREATE CONSTRAINT TRIGGER keys_changed AFTER INSERT OR DELETE OR UPDATE ON public.ring_keys DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.announce_keys();
CREATE CONSTRAINT TRIGGER session_deleted AFTER DELETE ON public.sessions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((old.ended_at IS NULL) AND (old.expires_at > now()))) EXECUTE FUNCTION public.revoke_session();
CREATE CONSTRAINT TRIGGER session_ended AFTER UPDATE OF ended_at ON public.sessions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((old.ended_at IS NULL) AND (new.ended_at IS NOT NULL))) EXECUTE FUNCTION public.revoke_session();
CREATE CONSTRAINT TRIGGER user_deleted AFTER DELETE ON public.users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.revoke_user();
CREATE CONSTRAINT TRIGGER user_epoch_raised AFTER UPDATE OF epoch ON public.users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((old.epoch <> new.epoch)) EXECUTE FUNCTION public.revoke_user();
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT "FK_sessions_users_user_id" FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
