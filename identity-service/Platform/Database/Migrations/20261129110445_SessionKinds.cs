using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace AuthMesh.Identity.Platform.Database.Migrations
{
    /// <inheritdoc />
    public partial class SessionKinds : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<byte[]>(
                name: "key_hash",
                table: "sessions",
                type: "bytea",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "name",
                table: "sessions",
                type: "character varying(64)",
                maxLength: 64,
                nullable: true);

            migrationBuilder.AddColumn<string[]>(
                name: "scopes",
                table: "sessions",
                type: "text[]",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "kind",
                table: "sessions",
                type: "character varying(16)",
                maxLength: 16,
                nullable: false,
                defaultValue: "sign_in");

            // NOT VALID, because it holds for every row of the version before, which does not know the columns. Nobody can sign in while this
            // migration runs, and only the index reads the table: a second for some million sessions.
            migrationBuilder.Sql(
                """
                ALTER TABLE sessions ADD CONSTRAINT ck_sessions_kind CHECK (
                    kind IN ('sign_in', 'application', 'service', 'key')
                    AND (kind = 'key') = (key_hash IS NOT NULL)
                    AND (kind <> 'key' OR name IS NOT NULL AND COALESCE(cardinality(scopes), 0) > 0)
                    AND (kind <> 'sign_in' OR scopes IS NULL)) NOT VALID
                """);

            migrationBuilder.CreateIndex(
                name: "ux_sessions_key_hash",
                table: "sessions",
                column: "key_hash",
                unique: true,
                filter: "key_hash IS NOT NULL");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ux_sessions_key_hash",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "kind",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "key_hash",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "name",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "scopes",
                table: "sessions");
        }
    }
}
