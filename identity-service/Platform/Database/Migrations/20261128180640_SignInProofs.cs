using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace AuthMesh.Identity.Platform.Database.Migrations
{
    /// <inheritdoc />
    public partial class SignInProofs : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<int>(
                name: "factors_epoch",
                table: "users",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<string>(
                name: "methods",
                table: "sessions",
                type: "jsonb",
                nullable: false,
                defaultValueSql: "jsonb_build_object('pwd', floor(extract(epoch FROM now()))::bigint)");

            // Sessions from before began with a password.
            migrationBuilder.Sql(
                "UPDATE sessions SET methods = jsonb_build_object('pwd', floor(extract(epoch FROM created_at))::bigint)");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "factors_epoch",
                table: "users");

            migrationBuilder.DropColumn(
                name: "methods",
                table: "sessions");
        }
    }
}
