using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace AuthMesh.Identity.Platform.Database.Migrations
{
    /// <inheritdoc />
    public partial class Revocations : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<byte[]>(
                name: "cookie_hash",
                table: "sessions",
                type: "bytea",
                nullable: false,
                defaultValueSql: "''::bytea");

            migrationBuilder.AddColumn<string>(
                name: "network",
                table: "sessions",
                type: "character varying(64)",
                maxLength: 64,
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<int>(
                name: "refresh_counter",
                table: "sessions",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "refreshed_at",
                table: "sessions",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "activated_at",
                table: "ring_keys",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "retired_at",
                table: "ring_keys",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "revocations",
                columns: table => new
                {
                    position = table.Column<long>(type: "bigint", nullable: false),
                    mark = table.Column<Guid>(type: "uuid", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    subject = table.Column<string>(type: "text", nullable: false),
                    epoch = table.Column<int>(type: "integer", nullable: true),
                    written_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_revocations", x => x.position);
                });

            migrationBuilder.CreateTable(
                name: "verifiers",
                columns: table => new
                {
                    instance = table.Column<Guid>(type: "uuid", nullable: false),
                    name = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false),
                    key_ids = table.Column<string[]>(type: "text[]", nullable: false),
                    seen_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_verifiers", x => x.instance);
                });

            migrationBuilder.CreateIndex(
                name: "ux_sessions_cookie_hash",
                table: "sessions",
                column: "cookie_hash",
                unique: true,
                filter: "cookie_hash <> ''");

            // Keys from before these columns.
            migrationBuilder.Sql("UPDATE ring_keys SET activated_at = created_at WHERE state = 'Current'");

            // The log is written where its causes are committed. Constraint triggers that are deferred run as the last act before the
            // commit; the lock that the first of them takes is held until the commit is visible, so positions become visible in order.
            // What is no id would stop every reader, so it cannot get in, by whatever hand.
            migrationBuilder.Sql(
                """
                ALTER TABLE revocations ADD CONSTRAINT ck_revocations CHECK (CASE kind
                    WHEN 'session-ended' THEN subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                    WHEN 'user-below-epoch' THEN subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' AND epoch IS NOT NULL
                    WHEN 'key-distrusted' THEN subject ~ '^[A-Za-z0-9_-]+$'
                    ELSE kind = 'keys-changed' END)
                """);
            migrationBuilder.Sql("CREATE SEQUENCE revocation_positions");
            migrationBuilder.Sql(
                """
                CREATE FUNCTION write_revocation(kind text, subject text, epoch integer) RETURNS void LANGUAGE plpgsql AS $$
                BEGIN
                    PERFORM pg_advisory_xact_lock(7022647185815400295); -- "authmlog"
                    INSERT INTO revocations (position, mark, kind, subject, epoch, written_at)
                    VALUES (nextval('revocation_positions'), gen_random_uuid(), kind, subject, epoch, clock_timestamp());
                    PERFORM pg_notify('authmesh_revocations', '');
                END
                $$;

                CREATE FUNCTION revoke_session() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    PERFORM write_revocation('session-ended', OLD.id::text, NULL);
                    RETURN NULL;
                END
                $$;

                CREATE CONSTRAINT TRIGGER session_ended AFTER UPDATE OF ended_at ON sessions DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION revoke_session();

                CREATE CONSTRAINT TRIGGER session_deleted AFTER DELETE ON sessions DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (OLD.ended_at IS NULL AND OLD.expires_at > now()) EXECUTE FUNCTION revoke_session();

                CREATE FUNCTION revoke_user() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    -- Deleted: below every epoch that there can be.
                    PERFORM write_revocation('user-below-epoch', OLD.id::text, CASE TG_OP WHEN 'DELETE' THEN 2147483647 ELSE NEW.epoch END);
                    RETURN NULL;
                END
                $$;

                CREATE CONSTRAINT TRIGGER user_epoch_raised AFTER UPDATE OF epoch ON users DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (OLD.epoch <> NEW.epoch) EXECUTE FUNCTION revoke_user();

                CREATE CONSTRAINT TRIGGER user_deleted AFTER DELETE ON users DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION revoke_user();

                CREATE FUNCTION announce_keys() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    PERFORM write_revocation('keys-changed', '', NULL);
                    RETURN NULL;
                END
                $$;

                CREATE CONSTRAINT TRIGGER keys_changed AFTER INSERT OR UPDATE OR DELETE ON ring_keys DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION announce_keys();
                """);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(
                """
                DROP TRIGGER session_ended ON sessions;
                DROP TRIGGER session_deleted ON sessions;
                DROP TRIGGER user_epoch_raised ON users;
                DROP TRIGGER user_deleted ON users;
                DROP TRIGGER keys_changed ON ring_keys;
                DROP FUNCTION revoke_session, revoke_user, announce_keys, write_revocation;
                DROP SEQUENCE revocation_positions;
                """);

            migrationBuilder.DropTable(
                name: "revocations");

            migrationBuilder.DropTable(
                name: "verifiers");

            migrationBuilder.DropIndex(
                name: "ux_sessions_cookie_hash",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "cookie_hash",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "network",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "refresh_counter",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "refreshed_at",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "activated_at",
                table: "ring_keys");

            migrationBuilder.DropColumn(
                name: "retired_at",
                table: "ring_keys");
        }
    }
}
