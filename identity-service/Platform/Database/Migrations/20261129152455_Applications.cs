using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace AuthMesh.Identity.Platform.Database.Migrations
{
    /// <inheritdoc />
    public partial class Applications : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AlterColumn<Guid>(
                name: "user_id",
                table: "sessions",
                type: "uuid",
                nullable: true,
                oldClrType: typeof(Guid),
                oldType: "uuid");

            migrationBuilder.AddColumn<Guid>(
                name: "application_id",
                table: "sessions",
                type: "uuid",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "applications",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    client_id = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    name = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    scopes = table.Column<string[]>(type: "text[]", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    disabled_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_applications", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "application_secrets",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    application_id = table.Column<Guid>(type: "uuid", nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_application_secrets", x => x.id);
                    table.ForeignKey(
                        name: "FK_application_secrets_applications_application_id",
                        column: x => x.application_id,
                        principalTable: "applications",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_sessions_application_id",
                table: "sessions",
                column: "application_id",
                filter: "application_id IS NOT NULL");

            // NOT VALID, because every row of the version before meets both: it writes no service sessions, and does not know
            // application_id.
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
                        AND (kind <> 'service' OR application_id IS NOT NULL)) NOT VALID,
                    ADD CONSTRAINT "FK_sessions_applications_application_id" FOREIGN KEY (application_id) REFERENCES applications (id)
                        ON DELETE CASCADE NOT VALID
                """);

            migrationBuilder.CreateIndex(
                name: "ix_application_secrets_application_id",
                table: "application_secrets",
                column: "application_id");

            migrationBuilder.CreateIndex(
                name: "ux_applications_client_id",
                table: "applications",
                column: "client_id",
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("DELETE FROM sessions WHERE kind = 'service'");

            migrationBuilder.DropForeignKey(
                name: "FK_sessions_applications_application_id",
                table: "sessions");

            migrationBuilder.DropTable(
                name: "application_secrets");

            migrationBuilder.DropTable(
                name: "applications");

            migrationBuilder.DropIndex(
                name: "ix_sessions_application_id",
                table: "sessions");

            migrationBuilder.DropCheckConstraint(
                name: "ck_sessions_kind",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "application_id",
                table: "sessions");

            migrationBuilder.AlterColumn<Guid>(
                name: "user_id",
                table: "sessions",
                type: "uuid",
                nullable: false,
                defaultValue: new Guid("00000000-0000-0000-0000-000000000000"),
                oldClrType: typeof(Guid),
                oldType: "uuid",
                oldNullable: true);

            migrationBuilder.AddCheckConstraint(
                name: "ck_sessions_kind",
                table: "sessions",
                sql: "kind IN ('sign_in', 'application', 'service', 'key')\nAND (kind = 'key') = (key_hash IS NOT NULL)\nAND (kind <> 'key' OR name IS NOT NULL AND COALESCE(cardinality(scopes), 0) > 0)\nAND (kind <> 'sign_in' OR scopes IS NULL)");
        }
    }
}
