using System.Text.RegularExpressions;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace AuthMesh.Tests.Databases;

/// <summary>An older version starts on the schema of a newer one, unless a migration took away what it needs.</summary>
public sealed partial class SchemaVersionTests(ProductionMesh mesh)
{
    private const string Future = "99991231000000_OfANewerVersion";

    [Fact]
    public async Task A_version_starts_on_a_newer_schema_that_it_can_use()
    {
        await using var own = await WithNewerSchemaAsync();

        await using var service = await own.StartAsync();

        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);
        Assert.Equal(200, (await identity.RegisterAsync("somebody", "a password for a test")).Status);
        await service.UntilLoggedAsync($"The schema is that of a newer version (migration {Future}), which this version can use");
    }

    [Theory]
    [InlineData("UPDATE schema_version SET oldest_version = '" + Future + "'", Future)]
    [InlineData("DROP TABLE schema_version", Future)]
    public async Task A_version_that_is_too_old_for_the_schema_does_not_start(string contraction, string needed)
    {
        await using var own = await WithNewerSchemaAsync();
        await own.Database.ExecuteAsync(contraction);

        foreach (var command in (string[][])[[], ["migrate"]])
        {
            var refused = await own.RunAsync("Production", command);

            refused.AssertExited(1);
            Assert.Contains(
                $"The database has the schema of a newer version (migration {Future}), and this version is too old for it",
                refused.Errors, StringComparison.Ordinal);
            Assert.Contains($"{needed} is needed. Start a newer version", refused.Errors, StringComparison.Ordinal);
        }
    }

    /// <summary>Replicas of two versions run side by side during a deployment.</summary>
    [Fact]
    public void A_migration_that_takes_something_away_says_which_versions_it_leaves_behind()
    {
        using var db = new Database("Host=none").Open();
        var assembly = db.GetService<IMigrationsAssembly>();
        var provider = db.Database.ProviderName!;
        var contracting = assembly.Migrations
            .Where(migration => string.CompareOrdinal(migration.Key, "20261129072000_OldestVersion") > 0) // which begins the record
            .Select(migration => (migration.Key, assembly.CreateMigration(migration.Value, provider).UpOperations))
            .Where(migration => migration.UpOperations.Any(operation => IsContracting(operation, migration.UpOperations)));

        Assert.All(contracting, migration => Assert.Contains(
            migration.UpOperations.OfType<SqlOperation>(),
            operation => operation.Sql.Contains($"SET oldest_version = '{migration.Key}'", StringComparison.Ordinal)));
    }

    public static TheoryData<string, bool> Operations => new()
    {
        { "column dropped", true }, { "table dropped", true }, { "column renamed", true }, { "table renamed", true },
        { "unique index added", true }, { "unique index on a new column added", false }, { "unique index on a filled column added", true },
        { "check added", true }, { "foreign key added", true }, { "sequence dropped", true },
        { "column shortened", true }, { "sql drops a function", true }, { "sql adds a constraint", true },
        { "index added", false }, { "sql replaces a function", false }, { "column required", true },
        { "required column added", true }, { "sql drops", true }, { "sql sets not null", true },
        { "column added", false }, { "column with default added", false }, { "table added", false }, { "index dropped", false },
        { "sql creates", false },
    };

    [Theory]
    [MemberData(nameof(Operations))]
    public void The_check_knows_what_takes_something_away(string change, bool isContracting)
    {
        var builder = new MigrationBuilder("Npgsql.EntityFrameworkCore.PostgreSQL");
        switch (change)
        {
            case "column dropped": builder.DropColumn("c", "t"); break;
            case "table dropped": builder.DropTable("t"); break;
            case "column renamed": builder.RenameColumn("c", "t", "d"); break;
            case "table renamed": builder.RenameTable("t", newName: "u"); break;
            case "column required": builder.AlterColumn<int>("c", "t", nullable: false, oldClrType: typeof(int), oldNullable: true); break;
            case "required column added": builder.AddColumn<int>("c", "t", nullable: false); break;
            case "sql drops": builder.Sql("ALTER TABLE t\n  DROP COLUMN c"); break;
            case "sql sets not null": builder.Sql("alter table t alter column c set not null"); break;
            case "unique index added": builder.CreateIndex("i", "t", "c", unique: true); break;
            case "unique index on a new column added":
                builder.AddColumn<int>("c", "t", nullable: true);
                builder.CreateIndex("i", "t", "c", unique: true);
                break;
            case "unique index on a filled column added":
                builder.AddColumn<int>("c", "t", nullable: true, defaultValueSql: "1");
                builder.CreateIndex("i", "t", "c", unique: true);
                break;
            case "check added": builder.AddCheckConstraint("k", "t", "c > 0"); break;
            case "foreign key added": builder.AddForeignKey("k", "t", "c", "u"); break;
            case "sequence dropped": builder.DropSequence("s"); break;
            case "column shortened": builder.AlterColumn<string>("c", "t", maxLength: 10, oldClrType: typeof(string)); break;
            case "sql drops a function": builder.Sql("DROP FUNCTION f()"); break;
            case "sql adds a constraint": builder.Sql("ALTER TABLE t ADD CONSTRAINT k CHECK (c > 0)"); break;
            case "index added": builder.CreateIndex("i", "t", "c"); break;
            case "sql replaces a function": builder.Sql("CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql"); break;
            case "column added": builder.AddColumn<int>("c", "t", nullable: true); break;
            case "column with default added": builder.AddColumn<int>("c", "t", nullable: false, defaultValue: 0); break;
            case "table added": builder.CreateTable("t", table => new { Id = table.Column<int>(nullable: false) }); break;
            case "index dropped": builder.DropIndex("i", "t"); break;
            case "sql creates": builder.Sql("CREATE TABLE t (c int NOT NULL)"); break;
        }

        Assert.Equal(isContracting, builder.Operations.Any(operation => IsContracting(operation, builder.Operations)));
    }

    // What a version that does not know the migration could miss, or could no longer write.
    private static bool IsContracting(MigrationOperation operation, IReadOnlyList<MigrationOperation> migration) => operation switch
    {
        DropIndexOperation => false,
        DropColumnOperation or DropTableOperation or DropSequenceOperation or RenameColumnOperation or RenameTableOperation => true,
        // A version that does not know a table writes no row. One that does not know a column leaves it empty, and empty values are never
        // equal.
        CreateIndexOperation index => index.IsUnique && !migration.OfType<CreateTableOperation>().Any(table => table.Name == index.Table)
            && !index.Columns.All(column => migration.OfType<AddColumnOperation>()
            .Any(added => added.Table == index.Table && added.Name == column
                && added is { IsNullable: true, DefaultValue: null, DefaultValueSql: null, ComputedColumnSql: null })),
        AddUniqueConstraintOperation or AddCheckConstraintOperation or AddForeignKeyOperation => true,
        AlterColumnOperation altered =>
            altered.ClrType != altered.OldColumn.ClrType || altered.ColumnType != altered.OldColumn.ColumnType
            || altered.MaxLength < (altered.OldColumn.MaxLength ?? int.MaxValue) || (!altered.IsNullable && altered.OldColumn.IsNullable),
        AddColumnOperation added => added is { IsNullable: false, DefaultValue: null, DefaultValueSql: null },
        SqlOperation sql => !JudgedHarmless.Contains(sql.Sql) && Contraction().IsMatch(sql.Sql),
        _ => false,
    };

    // Their columns are new, and the values that earlier versions leave in them meet the constraints: UpgradeTests writes such a row.
    private static readonly string[] JudgedHarmless =
    [
        """
        ALTER TABLE sessions ADD CONSTRAINT ck_sessions_kind CHECK (
            kind IN ('sign_in', 'application', 'service', 'key')
            AND (kind = 'key') = (key_hash IS NOT NULL)
            AND (kind <> 'key' OR name IS NOT NULL AND COALESCE(cardinality(scopes), 0) > 0)
            AND (kind <> 'sign_in' OR scopes IS NULL)) NOT VALID
        """,
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
        """,
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
        """,
        SqlFile.Read("revocations.sql"), // it replaces its own constraint by one that admits more
    ];

    [GeneratedRegex(
        @"\bDROP\s+(TABLE|COLUMN|SEQUENCE|FUNCTION)\b|\bRENAME\b|\bSET\s+NOT\s+NULL\b|\bADD\s+CONSTRAINT\b|\bUNIQUE\s+INDEX\b",
        RegexOptions.IgnoreCase)]
    private static partial Regex Contraction();

    private async Task<OwnDatabase> WithNewerSchemaAsync()
    {
        var own = await OwnDatabase.CreateAsync(mesh);
        await own.Database.ExecuteAsync(
            $"INSERT INTO \"__EFMigrationsHistory\" VALUES ('{Future}', '10.0.0'); ALTER TABLE users ADD COLUMN favourite text");
        return own;
    }
}
