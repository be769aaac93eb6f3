using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace AuthMesh.Identity.Platform.Database.Migrations
{
    /// <inheritdoc />
    public partial class ApplicationsOfUsers : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("CREATE SEQUENCE application_epochs AS integer");

            migrationBuilder.AddColumn<string>(
                name: "audience",
                table: "sessions",
                type: "character varying(512)",
                maxLength: 512,
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "client_epoch",
                table: "sessions",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<Guid>(
                name: "parent_id",
                table: "sessions",
                type: "uuid",
                nullable: true);

            migrationBuilder.AddColumn<string[]>(
                name: "audiences",
                table: "applications",
                type: "text[]",
                nullable: false,
                defaultValueSql: "'{}'");

            migrationBuilder.AddColumn<string>(
                name: "backchannel_logout_uri",
                table: "applications",
                type: "character varying(1024)",
                maxLength: 1024,
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "declared_version",
                table: "applications",
                type: "integer",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "epoch",
                table: "applications",
                type: "integer",
                nullable: false,
                defaultValueSql: "nextval('application_epochs')");

            migrationBuilder.AddColumn<string[]>(
                name: "grants",
                table: "applications",
                type: "text[]",
                nullable: false,
                defaultValueSql: "ARRAY['client_credentials']");

            migrationBuilder.AddColumn<bool>(
                name: "is_first_party",
                table: "applications",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<string>(
                name: "jwks",
                table: "applications",
                type: "jsonb",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "kind",
                table: "applications",
                type: "character varying(8)",
                maxLength: 8,
                nullable: false,
                defaultValue: "service");

            migrationBuilder.AddColumn<string[]>(
                name: "post_logout_redirect_uris",
                table: "applications",
                type: "text[]",
                nullable: false,
                defaultValueSql: "'{}'");

            migrationBuilder.AddColumn<string[]>(
                name: "redirect_uris",
                table: "applications",
                type: "text[]",
                nullable: false,
                defaultValueSql: "'{}'");

            migrationBuilder.AddColumn<bool>(
                name: "require_consent",
                table: "applications",
                type: "boolean",
                nullable: false,
                defaultValue: true);

            migrationBuilder.AddColumn<bool>(
                name: "require_pushed_requests",
                table: "applications",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.CreateTable(
                name: "authorization_codes",
                columns: table => new
                {
                    code_hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    application_id = table.Column<Guid>(type: "uuid", nullable: false),
                    user_id = table.Column<Guid>(type: "uuid", nullable: false),
                    parent_id = table.Column<Guid>(type: "uuid", nullable: false),
                    epoch = table.Column<int>(type: "integer", nullable: false),
                    client_epoch = table.Column<int>(type: "integer", nullable: false),
                    redirect_uri = table.Column<string>(type: "text", nullable: true),
                    challenge = table.Column<string>(type: "text", nullable: false),
                    nonce = table.Column<string>(type: "text", nullable: true),
                    scopes = table.Column<string[]>(type: "text[]", nullable: false),
                    audience = table.Column<string>(type: "character varying(512)", maxLength: 512, nullable: true),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    spent_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    session_id = table.Column<Guid>(type: "uuid", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_authorization_codes", x => x.code_hash);
                    table.ForeignKey(
                        name: "FK_authorization_codes_applications_application_id",
                        column: x => x.application_id,
                        principalTable: "applications",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "FK_authorization_codes_sessions_parent_id",
                        column: x => x.parent_id,
                        principalTable: "sessions",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "FK_authorization_codes_users_user_id",
                        column: x => x.user_id,
                        principalTable: "users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "authorization_requests",
                columns: table => new
                {
                    id_hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    application_id = table.Column<Guid>(type: "uuid", nullable: false),
                    parameters = table.Column<string>(type: "text", nullable: false),
                    is_pushed = table.Column<bool>(type: "boolean", nullable: false),
                    taken_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_authorization_requests", x => x.id_hash);
                    table.ForeignKey(
                        name: "FK_authorization_requests_applications_application_id",
                        column: x => x.application_id,
                        principalTable: "applications",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "consents",
                columns: table => new
                {
                    user_id = table.Column<Guid>(type: "uuid", nullable: false),
                    application_id = table.Column<Guid>(type: "uuid", nullable: false),
                    scopes = table.Column<string[]>(type: "text[]", nullable: false),
                    granted_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_consents", x => new { x.user_id, x.application_id });
                    table.ForeignKey(
                        name: "FK_consents_applications_application_id",
                        column: x => x.application_id,
                        principalTable: "applications",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "FK_consents_users_user_id",
                        column: x => x.user_id,
                        principalTable: "users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "device_authorizations",
                columns: table => new
                {
                    device_code_hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    user_code = table.Column<string>(type: "character varying(8)", maxLength: 8, nullable: false, collation: "C"),
                    application_id = table.Column<Guid>(type: "uuid", nullable: false),
                    client_epoch = table.Column<int>(type: "integer", nullable: false),
                    scopes = table.Column<string[]>(type: "text[]", nullable: false),
                    audience = table.Column<string>(type: "character varying(512)", maxLength: 512, nullable: true),
                    network = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    device = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    next_poll_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    interval_seconds = table.Column<int>(type: "integer", nullable: false),
                    is_allowed = table.Column<bool>(type: "boolean", nullable: true),
                    user_id = table.Column<Guid>(type: "uuid", nullable: true),
                    parent_id = table.Column<Guid>(type: "uuid", nullable: true),
                    epoch = table.Column<int>(type: "integer", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_device_authorizations", x => x.device_code_hash);
                    table.ForeignKey(
                        name: "FK_device_authorizations_applications_application_id",
                        column: x => x.application_id,
                        principalTable: "applications",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "FK_device_authorizations_sessions_parent_id",
                        column: x => x.parent_id,
                        principalTable: "sessions",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "FK_device_authorizations_users_user_id",
                        column: x => x.user_id,
                        principalTable: "users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "logout_deliveries",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    client_id = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    uri = table.Column<string>(type: "character varying(1024)", maxLength: 1024, nullable: false),
                    host = table.Column<string>(type: "text", nullable: false, computedColumnSql: "split_part(uri, '/', 3)", stored: true, collation: "C"),
                    session_id = table.Column<Guid>(type: "uuid", nullable: false),
                    user_id = table.Column<Guid>(type: "uuid", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    next_attempt_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    attempts = table.Column<int>(type: "integer", nullable: false, defaultValue: 0)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_logout_deliveries", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "used_assertions",
                columns: table => new
                {
                    application_id = table.Column<Guid>(type: "uuid", nullable: false),
                    id_hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_used_assertions", x => new { x.application_id, x.id_hash });
                    table.ForeignKey(
                        name: "FK_used_assertions_applications_application_id",
                        column: x => x.application_id,
                        principalTable: "applications",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.DropIndex(
                name: "ix_sessions_application_id",
                table: "sessions");

            migrationBuilder.CreateIndex(
                name: "ix_sessions_application_id",
                table: "sessions",
                columns: new[] { "application_id", "client_epoch" },
                filter: "application_id IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_sessions_parent_id",
                table: "sessions",
                column: "parent_id",
                filter: "parent_id IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "IX_authorization_codes_application_id",
                table: "authorization_codes",
                column: "application_id");

            migrationBuilder.CreateIndex(
                name: "IX_authorization_codes_expires_at",
                table: "authorization_codes",
                column: "expires_at");

            migrationBuilder.CreateIndex(
                name: "IX_authorization_codes_parent_id",
                table: "authorization_codes",
                column: "parent_id");

            migrationBuilder.CreateIndex(
                name: "IX_authorization_codes_user_id",
                table: "authorization_codes",
                column: "user_id");

            migrationBuilder.CreateIndex(
                name: "IX_authorization_requests_application_id",
                table: "authorization_requests",
                column: "application_id");

            migrationBuilder.CreateIndex(
                name: "IX_authorization_requests_expires_at",
                table: "authorization_requests",
                column: "expires_at");

            migrationBuilder.CreateIndex(
                name: "IX_consents_application_id",
                table: "consents",
                column: "application_id");

            migrationBuilder.CreateIndex(
                name: "IX_device_authorizations_application_id",
                table: "device_authorizations",
                column: "application_id");

            migrationBuilder.CreateIndex(
                name: "IX_device_authorizations_expires_at",
                table: "device_authorizations",
                column: "expires_at");

            migrationBuilder.CreateIndex(
                name: "IX_device_authorizations_parent_id",
                table: "device_authorizations",
                column: "parent_id");

            migrationBuilder.CreateIndex(
                name: "IX_device_authorizations_user_id",
                table: "device_authorizations",
                column: "user_id");

            migrationBuilder.CreateIndex(
                name: "ux_device_authorizations_user_code",
                table: "device_authorizations",
                column: "user_code",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_logout_deliveries_host_next_attempt_at",
                table: "logout_deliveries",
                columns: new[] { "host", "next_attempt_at" });

            migrationBuilder.CreateIndex(
                name: "IX_used_assertions_expires_at",
                table: "used_assertions",
                column: "expires_at");

            // NOT VALID, because every row of the version before meets both: it writes no sessions of applications for users, and does not
            // know parent_id.
            migrationBuilder.Sql(
                """
                ALTER TABLE sessions
                    DROP CONSTRAINT ck_sessions_kind,
                    ADD CONSTRAINT ck_sessions_kind CHECK (
                        kind IN ('sign_in', 'application', 'service', 'key')
                        AND (kind = 'key') = (key_hash IS NOT NULL)
                        AND (kind <> 'key' OR name IS NOT NULL AND COALESCE(cardinality(scopes), 0) > 0)
                        AND (kind <> 'sign_in' OR scopes IS NULL AND application_id IS NULL)
                        AND (kind = 'service') = (user_id IS NULL)
                        AND (kind <> 'service' OR application_id IS NOT NULL)
                        AND (kind <> 'application' OR application_id IS NOT NULL AND COALESCE(cardinality(scopes), 0) > 0)
                        AND (kind = 'application' OR parent_id IS NULL)) NOT VALID,
                    ADD CONSTRAINT "FK_sessions_sessions_parent_id" FOREIGN KEY (parent_id) REFERENCES sessions (id)
                        ON DELETE CASCADE NOT VALID
                """);

            // The version of a file that was applied last, by any replica.
            migrationBuilder.Sql(
                """
                CREATE TABLE declared_files (
                    name text PRIMARY KEY,
                    version integer NOT NULL,
                    digest bytea NOT NULL,
                    applied_at timestamp with time zone NOT NULL)
                """);

            migrationBuilder.ApplySql("revocations.sql");
            migrationBuilder.ApplySql("logout_deliveries.sql");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(
                """
                DELETE FROM sessions WHERE kind = 'application';
                DROP FUNCTION revoke_application(), tell_logout(), end_sessions_of_user(), delete_sessions_first(), ask_for_sweep() CASCADE;
                CREATE OR REPLACE FUNCTION revoke_session() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    PERFORM write_revocation('session-ended', OLD.id::text, NULL);
                    RETURN NULL;
                END
                $$
                """);

            migrationBuilder.DropForeignKey(
                name: "FK_sessions_sessions_parent_id",
                table: "sessions");

            migrationBuilder.DropTable(
                name: "authorization_codes");

            migrationBuilder.DropTable(
                name: "authorization_requests");

            migrationBuilder.DropTable(
                name: "consents");

            migrationBuilder.DropTable(
                name: "declared_files");

            migrationBuilder.DropTable(
                name: "device_authorizations");

            migrationBuilder.DropTable(
                name: "logout_deliveries");

            migrationBuilder.DropTable(
                name: "used_assertions");

            migrationBuilder.DropIndex(
                name: "ix_sessions_parent_id",
                table: "sessions");

            migrationBuilder.DropIndex(
                name: "ix_sessions_application_id",
                table: "sessions");

            migrationBuilder.CreateIndex(
                name: "ix_sessions_application_id",
                table: "sessions",
                column: "application_id",
                filter: "application_id IS NOT NULL");

            migrationBuilder.DropCheckConstraint(
                name: "ck_sessions_kind",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "audience",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "client_epoch",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "parent_id",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "audiences",
                table: "applications");

            migrationBuilder.DropColumn(
                name: "backchannel_logout_uri",
                table: "applications");

            migrationBuilder.DropColumn(
                name: "declared_version",
                table: "applications");

            migrationBuilder.DropColumn(
                name: "epoch",
                table: "applications");

            migrationBuilder.DropColumn(
                name: "grants",
                table: "applications");

            migrationBuilder.DropColumn(
                name: "is_first_party",
                table: "applications");

            migrationBuilder.DropColumn(
                name: "jwks",
                table: "applications");

            migrationBuilder.DropColumn(
                name: "kind",
                table: "applications");

            migrationBuilder.DropColumn(
                name: "post_logout_redirect_uris",
                table: "applications");

            migrationBuilder.DropColumn(
                name: "redirect_uris",
                table: "applications");

            migrationBuilder.DropColumn(
                name: "require_consent",
                table: "applications");

            migrationBuilder.DropColumn(
                name: "require_pushed_requests",
                table: "applications");

            migrationBuilder.AddCheckConstraint(
                name: "ck_sessions_kind",
                table: "sessions",
                sql: "kind IN ('sign_in', 'application', 'service', 'key')\nAND (kind = 'key') = (key_hash IS NOT NULL)\nAND (kind <> 'key' OR name IS NOT NULL AND COALESCE(cardinality(scopes), 0) > 0)\nAND (kind <> 'sign_in' OR scopes IS NULL AND application_id IS NULL)\nAND (kind = 'service') = (user_id IS NULL)\nAND (kind <> 'service' OR application_id IS NOT NULL)");

            migrationBuilder.Sql("DROP SEQUENCE application_epochs");
        }
    }
}
