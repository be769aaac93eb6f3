using System.Text.RegularExpressions;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Revocations;
using AuthMesh.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace AuthMesh.Tests.Databases;

/// <summary>A migrated database runs the text of the modules' SQL files, and each slice that relies on a trigger names it.</summary>
public sealed class SqlFileTests(ProductionMesh mesh)
{
    // In the order in which migrations apply them.
    private static readonly string[] Files = ["revocations.sql", "logout_deliveries.sql"];

    // Covers the whole schema, so that a function or trigger from elsewhere shows too.
    private const string Definitions =
        """
        SELECT string_agg(definition, E'\n' ORDER BY definition) FROM (
            SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            UNION ALL
            SELECT pg_get_triggerdef(oid) || ' -- ' || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
            UNION ALL
            SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'revocations'::regclass AND contype = 'c'
            UNION ALL
            SELECT format('SEQUENCE %s FROM %s BY %s TO %s CYCLE %s', sequencename, start_value, increment_by, max_value, cycle)
            FROM pg_sequences WHERE schemaname = 'public') AS all_of_them (definition)
        """;

    private const string DropAll =
        """
        DO $$
        DECLARE dropped text;
        BEGIN
            FOR dropped IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace LOOP
                EXECUTE 'DROP FUNCTION ' || dropped || ' CASCADE';
            END LOOP;
            DROP SEQUENCE revocation_positions;
            FOR dropped IN SELECT conname FROM pg_constraint WHERE conrelid = 'revocations'::regclass AND contype = 'c' LOOP
                EXECUTE 'ALTER TABLE revocations DROP CONSTRAINT ' || dropped;
            END LOOP;
        END
        $$
        """;

    private static readonly string[] Triggers =
        [.. Files.SelectMany(file => Regex.Matches(SqlFile.Read(file), @"CREATE (?:CONSTRAINT )?TRIGGER (\w+)"))
            .Select(match => match.Groups[1].Value)];

    [Fact]
    public async Task A_migrated_database_holds_exactly_the_definitions_of_the_files()
    {
        var database = new Database(await mesh.Postgres.CreateEmptyDatabaseAsync());
        await MigrateAsync(database);
        var migrated = await DefinitionsAsync(database);

        await database.ExecuteAsync(DropAll);
        await ApplyAsync(database);

        Assert.Equal(await DefinitionsAsync(database), migrated);
        Assert.All(Triggers, trigger => Assert.Contains($"TRIGGER {trigger} ", migrated, StringComparison.Ordinal));
        await ApplyAsync(database); // the files can run twice
        Assert.Equal(migrated, await DefinitionsAsync(database));
    }

    [Fact]
    public async Task Migrating_an_older_database_with_rows_installs_the_definitions_of_the_files()
    {
        var fresh = new Database(await mesh.Postgres.CreateEmptyDatabaseAsync());
        var upgraded = new Database(await mesh.Postgres.CreateEmptyDatabaseAsync());
        await MigrateAsync(fresh);
        await MigrateAsync(upgraded, "20261123113405_UserOrder");
        await upgraded.ExecuteAsync(
            """
            INSERT INTO users (id, username, normalized_username, password_hash, role, epoch, is_demo, created_at)
            VALUES ('00000000-0000-0000-0000-000000000001', 'somebody', 'somebody', '', 'user', 1, false, now());
            INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, ended_at)
            SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000001', 1, now(), now(), now() + interval '1 day', '', NULL
            FROM generate_series(1, 2);
            UPDATE sessions SET ended_at = now() WHERE id = (SELECT min(id::text) FROM sessions)::uuid
            """);
        await upgraded.ExecuteAsync(
            "CREATE OR REPLACE FUNCTION revoke_session() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; "
            + "DROP TRIGGER keys_changed ON ring_keys; ALTER TABLE users DISABLE TRIGGER user_deleted");
        Assert.NotEqual(await DefinitionsAsync(fresh), await DefinitionsAsync(upgraded));

        await MigrateAsync(upgraded);

        Assert.Equal(await DefinitionsAsync(fresh), await DefinitionsAsync(upgraded));
        await upgraded.ExecuteAsync("UPDATE sessions SET ended_at = now() WHERE ended_at IS NULL");
        Assert.Equal("1 2", await upgraded.ScalarAsync<string>(
            "SELECT string_agg(position::text, ' ' ORDER BY position) FROM revocations WHERE kind = 'session-ended'"));
    }

    [Fact]
    public void Revocations_sql_writes_and_admits_exactly_the_kinds_of_the_table() => Assert.Equal(
        RevocationKind.All.Select(kind => kind.Name).Order(StringComparer.Ordinal),
        Regex.Matches(SqlFile.Read("revocations.sql"), "'([a-z]+(?:-[a-z]+)+)'").Select(match => match.Groups[1].Value)
            .Distinct().Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("session_ended", @"UPDATE sessions( s)? SET ended_at")]
    [InlineData("session_deleted", @"DELETE FROM sessions")]
    [InlineData("user_epoch_raised", @"epoch = u\.epoch \+|\bEpoch\+\+")]
    [InlineData("application_epoch_raised", @"UPDATE applications SET epoch")]
    [InlineData("application_deleted", @"DELETE FROM applications")]
    [InlineData("user_deleted", @"DELETE FROM users|[uU]sers\.Where\(.*\)\.ExecuteDelete")]
    [InlineData("keys_changed", @"RingChange\.BeginAsync\(IdentityDb|RingKeys\.AddRange")]
    public void Every_slice_that_relies_on_a_trigger_names_it(string trigger, string statement)
    {
        Assert.Contains(trigger, Triggers);
        var slices = Sources().Where(file => Regex.IsMatch(file.Text, statement)).ToList();

        Assert.NotEmpty(slices);
        Assert.All(
            slices, slice => Assert.True(slice.Text.Contains(trigger, StringComparison.Ordinal), $"{slice.Name} does not name {trigger}"));
    }

    [Fact]
    public void The_code_names_only_triggers_of_the_files() => Assert.All(
        Sources().SelectMany(file => Regex.Matches(file.Text, @"\btrigger (?:<c>)?(\w+_\w+)")
            .Select(match => (file.Name, Trigger: match.Groups[1].Value))),
        named => Assert.True(Triggers.Contains(named.Trigger), $"{named.Name} names {named.Trigger}"));

    private static IEnumerable<(string Name, string Text)> Sources() =>
        Directory.EnumerateFiles(Path.Combine(Checkout.Root, "identity-service"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/Migrations/", StringComparison.Ordinal) && !file.Contains("/obj/", StringComparison.Ordinal))
            .Select(file => (Path.GetFileName(file), File.ReadAllText(file)));

    private static async Task MigrateAsync(Database database, string? target = null)
    {
        await using var db = database.Open();
        await db.GetService<IMigrator>().MigrateAsync(target, TestContext.Current.CancellationToken);
    }

    private static async Task ApplyAsync(Database database)
    {
        foreach (var file in Files)
        {
            await database.ExecuteAsync(SqlFile.Read(file));
        }
    }

    private static Task<string> DefinitionsAsync(Database database) => database.ScalarAsync<string>(Definitions);
}
