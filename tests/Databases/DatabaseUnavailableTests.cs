using System.Reflection;
using System.Security.Authentication;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace AuthMesh.Tests.Databases;

/// <summary>Classifies each PostgreSQL error code: a passing fault, one that an operator must repair, or one of our own.</summary>
public sealed class DatabaseUnavailableTests(ProductionMesh mesh)
{
    // "PostgreSQL Error Codes", appendix A, the classes of versions 15 to 18.
    public static TheoryData<string> Classes =>
    [
        .. "00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F".Split(' '),
        .. "34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 HV P0 XX".Split(' '),
    ];

    [Theory]
    [MemberData(nameof(Classes))]
    public void Every_class_of_codes_is_in_the_table(string group) => Assert.True(DatabaseUnavailable.Knows(group + "999"), group);

    [Fact]
    public void Every_code_that_Npgsql_names_is_in_the_table() => Assert.All(
        typeof(PostgresErrorCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => (string)field.GetRawConstantValue()!),
        code => Assert.True(DatabaseUnavailable.Knows(code), code));

    [Theory]
    [InlineData("08006", nameof(FaultKind.Passing))] // the connection broke
    [InlineData("25006", nameof(FaultKind.Passing))] // read-only
    [InlineData("26000", nameof(FaultKind.Passing))] // a prepared statement is gone
    [InlineData("42P05", nameof(FaultKind.Passing))] // a prepared statement of that name exists
    [InlineData("40001", nameof(FaultKind.Passing))] // serialization failure
    [InlineData("40P01", nameof(FaultKind.Passing))] // deadlock
    [InlineData("53200", nameof(FaultKind.Passing))] // out of memory
    [InlineData("53300", nameof(FaultKind.Passing))] // too many connections
    [InlineData("55000", nameof(FaultKind.Passing))] // closed for connections, or in recovery
    [InlineData("55P03", nameof(FaultKind.Passing))] // lock not available
    [InlineData("57014", nameof(FaultKind.Passing))] // canceled
    [InlineData("57P01", nameof(FaultKind.Passing))] // stopping
    [InlineData("57P02", nameof(FaultKind.Passing))] // crashed
    [InlineData("57P03", nameof(FaultKind.Passing))] // starting
    [InlineData("57P05", nameof(FaultKind.Passing))] // idle session timeout
    [InlineData("28000", nameof(FaultKind.Repairable))] // no such role, or not allowed from this host
    [InlineData("28P01", nameof(FaultKind.Repairable))] // wrong password
    [InlineData("3D000", nameof(FaultKind.Repairable))] // no such database
    [InlineData("53100", nameof(FaultKind.Repairable))] // disk full
    [InlineData("57P04", nameof(FaultKind.Repairable))] // database dropped
    [InlineData("58030", nameof(FaultKind.Repairable))] // I/O error
    [InlineData("F0000", nameof(FaultKind.Repairable))] // bad configuration file
    [InlineData("P0001", nameof(FaultKind.Repairable))] // a trigger that is not ours refuses
    [InlineData("XX001", nameof(FaultKind.Repairable))] // damaged data
    [InlineData("ZZ999", nameof(FaultKind.Repairable))] // not a PostgreSQL code
    [InlineData("", nameof(FaultKind.Repairable))]
    [InlineData("22P05", nameof(FaultKind.Permanent))] // a character that the encoding lacks
    [InlineData("3F000", nameof(FaultKind.Permanent))] // no schema
    [InlineData("42501", nameof(FaultKind.Permanent))] // a right is missing
    [InlineData("42703", nameof(FaultKind.Permanent))] // a column is missing
    [InlineData("42883", nameof(FaultKind.Permanent))] // a function is missing
    [InlineData("42P01", nameof(FaultKind.Permanent))] // a table is missing
    [InlineData("0A000", nameof(FaultKind.Ours))] // unsupported feature
    [InlineData("22001", nameof(FaultKind.Ours))] // too long
    [InlineData("22021", nameof(FaultKind.Ours))] // U+0000
    [InlineData("23505", nameof(FaultKind.Ours))] // unique violation
    [InlineData("25P02", nameof(FaultKind.Ours))] // statement in a failed transaction
    [InlineData("40002", nameof(FaultKind.Ours))] // constraint at the commit
    [InlineData("42601", nameof(FaultKind.Ours))] // syntax error
    [InlineData("54001", nameof(FaultKind.Ours))] // statement too complex
    public void An_error_code_has_its_kind_description_and_answer(string code, string kind)
    {
        var fault = DatabaseUnavailable.Classify(new InvalidOperationException("wrapped", Answer(code)))!;

        Assert.Equal((kind, code), (fault.Kind.ToString(), fault.Code));
        Assert.StartsWith("PostgreSQL ", fault.Description, StringComparison.Ordinal);
        var hasCure = fault.Description.Contains(". ", StringComparison.Ordinal);
        Assert.Equal(fault.Kind is FaultKind.Repairable or FaultKind.Permanent, hasCure);
        using var health = new Health();
        var answer = health.Database.Rule.Match(Answer(code));
        if (fault.Kind == FaultKind.Ours)
        {
            Assert.Null(answer);
        }
        else
        {
            Assert.Equal((503, "database_unavailable"), (answer!.Status, answer.Code));
            Assert.Equal(TimeSpan.FromSeconds(2), answer.RetryAfter);
        }
    }

    [Fact]
    public void An_exception_from_outside_the_database_is_not_classified()
    {
        Assert.Null(DatabaseUnavailable.Classify(new TimeoutException()));
        using var health = new Health();
        Assert.Null(health.Database.Rule.Match(new TimeoutException()));
    }

    [Fact]
    public async Task Each_refusal_by_Npgsql_itself_has_its_own_description()
    {
        var settings = new NpgsqlConnectionStringBuilder(mesh.Database.ConnectionString) { Pooling = false };
        Assert.StartsWith(
            "PostgreSQL demands a password",
            await RefusalAsync(new(settings.ConnectionString) { Password = null }), StringComparison.Ordinal);
        Assert.StartsWith(
            "PostgreSQL does not offer TLS",
            await RefusalAsync(new(settings.ConnectionString) { SslMode = SslMode.Require }), StringComparison.Ordinal);
        Assert.Equal("PostgreSQL cannot be reached", await RefusalAsync(new("Host=127.0.0.1;Port=9;Username=u;Password=p;Timeout=1")));
        Assert.StartsWith(
            "PostgreSQL presents a certificate that is not trusted",
            DatabaseUnavailable.Classify(new NpgsqlException("", new AuthenticationException()))!.Description, StringComparison.Ordinal);

        static async Task<string> RefusalAsync(NpgsqlConnectionStringBuilder settings)
        {
            await using var connection = new NpgsqlConnection(settings.ConnectionString);
            var exception = await Assert.ThrowsAnyAsync<NpgsqlException>(() => connection.OpenAsync(TestContext.Current.CancellationToken));
            return DatabaseUnavailable.Classify(exception)!.Description;
        }
    }

    [Fact]
    public async Task A_statement_prepared_before_a_migration_is_a_passing_fault()
    {
        await using var source = NpgsqlDataSource.Create(await mesh.Postgres.CreateDatabaseAsync());
        await using var connection = await source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await RunAsync("CREATE TABLE changing (name varchar(10))");
        await RunAsync("PREPARE reading AS SELECT name FROM changing");
        await RunAsync("ALTER TABLE changing ALTER name TYPE varchar(20)");

        var exception = await Assert.ThrowsAsync<PostgresException>(() => RunAsync("EXECUTE reading"));

        Assert.Equal("0A000", exception.SqlState);
        var fault = DatabaseUnavailable.Classify(exception)!;
        Assert.Equal((FaultKind.Passing, true), (fault.Kind, fault.IsOfConnection));

        async Task RunAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task Readiness_reports_a_loops_fault_until_it_ends_and_a_requests_fault_for_ten_seconds()
    {
        using var health = new Health();
        Assert.Equal((HealthStatus.Healthy, null), await health.CheckAsync());

        health.Database.Lose(health.Database.Judge(Answer("25006"))!);
        Assert.Equal((HealthStatus.Degraded, "PostgreSQL is read-only, as after a fail-over (25006)"), await health.CheckAsync());
        health.Database.Confirm();
        Assert.Equal((HealthStatus.Healthy, null), await health.CheckAsync());

        health.Database.Rule.Match(Answer("57014")); // a passing fault that may concern only one request
        Assert.Equal((HealthStatus.Healthy, null), await health.CheckAsync());
        health.Database.Rule.Match(Answer("53100"));
        health.Database.Confirm();
        Assert.Equal((HealthStatus.Degraded, "PostgreSQL has no disk space left (53100). Free some."), await health.CheckAsync());
        health.Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal((HealthStatus.Healthy, null), await health.CheckAsync());
    }

    private static PostgresException Answer(string code) => new("the server's text about user root", "ERROR", "ERROR", code);

    private sealed class Health : IDisposable
    {
        private readonly NpgsqlDataSource source = NpgsqlDataSource.Create("Host=nowhere");

        public Health() => Database = new DatabaseHealth(new Primary(source), Clock);

        public FakeTimeProvider Clock { get; } = new();

        public DatabaseHealth Database { get; }

        public async Task<(HealthStatus Status, string? Reason)> CheckAsync()
        {
            var result = await Database.CheckHealthAsync(new HealthCheckContext(), TestContext.Current.CancellationToken);
            return (result.Status, result.Description);
        }

        public void Dispose() => source.Dispose();
    }
}
