using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Npgsql;

namespace AuthMesh.Tests.Faults;

/// <summary>A database that answers but cannot be used: requests are 503, readiness says why, and nothing needs a restart.</summary>
public sealed class UnusableDatabaseTests(ProductionMesh mesh, LimitedService limited) : IClassFixture<LimitedService>
{
    private static string Refusing(string code) =>
        $"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON sessions EXECUTE FUNCTION refuse()
        """;

    // The fault, its cure, and the reason that readiness gives. DATABASE and ROLE stand for the names.
    public static TheoryData<string, string, string> Faults => new()
    {
        {
            "ALTER DATABASE DATABASE SET default_transaction_read_only = on",
            "ALTER DATABASE DATABASE RESET default_transaction_read_only",
            "is read-only, as after a fail-over (25006)"
        },
        {
            "ALTER DATABASE DATABASE ALLOW_CONNECTIONS false",
            "ALTER DATABASE DATABASE ALLOW_CONNECTIONS true",
            "does not take this statement now (55000)"
        },
        { "ALTER ROLE ROLE CONNECTION LIMIT 0", "ALTER ROLE ROLE CONNECTION LIMIT -1", "has no connection left (53300)" },
        { "ALTER ROLE ROLE PASSWORD 'another'", "ALTER ROLE ROLE PASSWORD 'PASSWORD'", "refuses the user or the password (28P01)" },
        { "ALTER ROLE ROLE NOLOGIN", "ALTER ROLE ROLE LOGIN", "refuses the user or the password (28000)" },
        { "REVOKE INSERT ON sessions FROM ROLE", "GRANT INSERT ON sessions TO ROLE", "denies a right (42501)" },
        { "ALTER TABLE sessions RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO sessions", "lacks a table of this version (42P01)" },
        { Refusing("53100"), "DROP FUNCTION refuse CASCADE", "has no disk space left (53100)" },
        { Refusing("XX001"), "DROP FUNCTION refuse CASCADE", "reports an internal error (XX001)" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task An_unusable_database_makes_logins_503_until_its_cure_and_readiness_says_why(string fault, string cure, string reason)
    {
        var user = await limited.SignUpAsync();
        await limited.BreakAsync(fault);
        try
        {
            for (var i = 0; i < 3; i++)
            {
                AssertComeBackLater(await limited.Identity.LoginAsync(user.Name, user.Password));
            }

            var ready = await Patience.UntilAsync(
                async () =>
                {
                    AssertComeBackLater(await limited.Identity.LoginAsync(user.Name, user.Password));
                    return await limited.Identity.GetAsync("/health/ready");
                },
                answer => answer.Text.Contains(reason, StringComparison.Ordinal));
            Assert.Equal(200, ready.Status);
            Assert.StartsWith("Ready, but degraded: PostgreSQL ", ready.Message, StringComparison.Ordinal);
            limited.AssertNamesNothing(ready.Text);
        }
        finally
        {
            await limited.CureAsync(cure);
        }

        await Patience.UntilAsync(() => limited.Identity.LoginAsync(user.Name, user.Password), answer => answer.Status == 200);
        Assert.DoesNotContain("Unhandled exception", limited.Service.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_read_only_database_makes_writes_503_and_leaves_no_connection_read_only()
    {
        var user = await limited.SignUpAsync();
        var session = await limited.Identity.SignInAsync(user.Name, user.Password);
        await limited.BreakAsync("ALTER DATABASE DATABASE SET default_transaction_read_only = on");
        try
        {
            await Patience.UntilAsync(
                () => limited.Identity.GetAsync("/health/ready"), answer => answer.Text.Contains("25006", StringComparison.Ordinal));
            AssertComeBackLater(await limited.Identity.RegisterAsync(ProductionMesh.NewName(), user.Password));
            AssertComeBackLater(await limited.Identity.RefreshAsync(session.RefreshToken));
            AssertComeBackLater(await limited.Identity.LogoutAsync(session.Token));
            Assert.Equal(200, (await limited.Identity.GetAsync("/.well-known/jwks.json")).Status);
            // Several connections at a time, all of them read-only.
            Assert.All(await Together.RunAsync(8, _ => limited.Identity.LoginAsync(user.Name, user.Password)), AssertComeBackLater);
        }
        finally
        {
            await limited.CureAsync("ALTER DATABASE DATABASE RESET default_transaction_read_only");
        }

        await Patience.UntilAsync(() => limited.Identity.GetAsync("/health/ready"), answer => answer.Message == "Ready");
        await Patience.UntilAsync(() => limited.Identity.LoginAsync(user.Name, user.Password), answer => answer.Status == 200);
        await Patience.UntilAsync(
            () => Together.RunAsync(8, _ => limited.Identity.LoginAsync(user.Name, user.Password)),
            answers => answers.All(answer => answer.Status == 200));
        Assert.Equal(200, (await limited.Identity.RefreshAsync(session.RefreshToken)).Status);
        Assert.Equal(200, (await limited.Identity.LogoutAsync(session.Token)).Status);
    }

    [Fact]
    public async Task A_service_without_its_role_or_database_names_the_missing_one_and_starts_once_it_exists()
    {
        await using var own = await OwnDatabase.CreateEmptyAsync(mesh);
        var (name, password) = ("late_" + Guid.NewGuid().ToString("N"), Convert.ToHexString(RandomNumberGenerator.GetBytes(8)));
        own.Settings["Identity:Database:ConnectionString"] = new NpgsqlConnectionStringBuilder(own.Database.ConnectionString)
        {
            Database = name, Username = name, Password = password,
        }.ConnectionString;
        await using var service = await own.StartAsync();
        using var identity = new Caller(service);

        var refused = await UntilNotReadyAsync("PostgreSQL refuses the user or the password (28P01). Correct Identity:Database");
        Assert.DoesNotContain("waiting for PostgreSQL", refused.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(name, refused.Text, StringComparison.Ordinal);
        await own.Database.ExecuteAsync($"CREATE ROLE {name} LOGIN PASSWORD '{password}'");
        await UntilNotReadyAsync("PostgreSQL does not have the database (3D000). Create it");
        await own.Database.ExecuteAsync($"CREATE DATABASE {name} OWNER {name}");

        await Patience.UntilAsync(() => identity.GetAsync("/health/ready"), answer => answer.Message == "Ready");
        Assert.Equal(200, (await identity.RegisterAsync("somebody", "a password for a test")).Status);
        await service.UntilLoggedAsync("Not ready: PostgreSQL refuses the user or the password (28P01)");
        Assert.DoesNotContain(password, service.Output, StringComparison.Ordinal);

        async Task<Answer> UntilNotReadyAsync(string reason)
        {
            var answer = await Patience.UntilAsync(
                () => identity.GetAsync("/health/ready"), answer => answer.Text.Contains(reason, StringComparison.Ordinal));
            answer.AssertError(503, "not_ready");
            (await identity.LoginAsync("somebody", "a password for a test")).AssertError(503, "not_ready");
            return answer;
        }
    }

    [Fact]
    public async Task Without_the_right_to_create_tables_the_start_waits_and_names_the_cure()
    {
        await using var own = await OwnDatabase.CreateEmptyAsync(mesh);
        var (name, password) = ("poor_" + Guid.NewGuid().ToString("N"), Convert.ToHexString(RandomNumberGenerator.GetBytes(8)));
        await own.Database.ExecuteAsync($"CREATE ROLE {name} LOGIN PASSWORD '{password}'");
        own.Settings["Identity:Database:ConnectionString"] =
            new NpgsqlConnectionStringBuilder(own.Database.ConnectionString) { Username = name, Password = password }.ConnectionString;
        await using var service = await own.StartAsync();
        using var identity = new Caller(service);

        var waiting = await Patience.UntilAsync(
            () => identity.GetAsync("/health/ready"), answer => answer.Text.Contains("GRANT CREATE ON SCHEMA", StringComparison.Ordinal));
        waiting.AssertError(503, "not_ready");
        Assert.DoesNotContain(name, waiting.Text, StringComparison.Ordinal);

        await own.Database.ExecuteAsync($"GRANT CREATE ON SCHEMA public TO {name}");

        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData("SQL_ASCII")]
    [InlineData("LATIN1")]
    public async Task A_database_of_another_encoding_stops_the_start_with_the_cure(string encoding)
    {
        await using var own = await OwnDatabase.CreateEmptyAsync(mesh);
        var name = "other_" + Guid.NewGuid().ToString("N");
        await own.Database.ExecuteAsync($"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'");
        var other = new NpgsqlConnectionStringBuilder(own.Database.ConnectionString) { Database = name }.ConnectionString;
        own.Settings["Identity:Database:ConnectionString"] = other;

        var refused = await own.RunAsync("Production");

        refused.AssertExited(1);
        Assert.Contains($"The database has the encoding {encoding}, but the service stores UTF8", refused.Errors, StringComparison.Ordinal);
        Assert.Contains("TEMPLATE template0 ENCODING 'UTF8'", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(0, await new Database(other).ScalarAsync<long>("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"));
    }

    private static void AssertComeBackLater(Answer answer)
    {
        answer.AssertError(503, "database_unavailable");
        Assert.Equal("2", answer.Header("Retry-After"));
    }
}

/// <summary>An identity service whose role has only the documented rights, and methods that break and cure its database.</summary>
public sealed class LimitedService(ProductionMesh mesh) : IAsyncLifetime
{
    private readonly string role = "limited_" + Guid.NewGuid().ToString("N");
    private readonly string password = Convert.ToHexString(RandomNumberGenerator.GetBytes(8));
    private OwnDatabase own = null!;
    private string name = "";
    private Database tables = null!, server = null!;

    public ServiceProcess Service { get; private set; } = null!;

    public Caller Identity { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        own = await OwnDatabase.CreateEmptyAsync(mesh);
        var administration = new NpgsqlConnectionStringBuilder(own.Database.ConnectionString) { Pooling = false };
        name = administration.Database!;
        // The faults of the service's connections do not affect these.
        tables = new Database(administration.ConnectionString + ";Options=-c default_transaction_read_only=off");
        server = new Database(administration.ConnectionString + ";Database=postgres");
        await tables.ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD '{password}'; GRANT USAGE, CREATE ON SCHEMA public TO {role}");
        own.Settings["Identity:Database:ConnectionString"] = new NpgsqlConnectionStringBuilder(own.Database.ConnectionString)
        {
            Username = role, Password = password, MaxPoolSize = 8,
        }.ConnectionString;
        Service = await own.StartAsync();
        await Service.WaitUntilReadyAsync();
        Identity = new Caller(Service);
    }

    public async Task<(string Name, string Password)> SignUpAsync()
    {
        var user = (ProductionMesh.NewName(), "a password for a test");
        // After a fault that ended connections, each that the pool still holds costs one request.
        await Patience.UntilAsync(() => Identity.RegisterAsync(user.Item1, user.Item2), answer => answer.Status == 200);
        return user;
    }

    /// <summary>Causes the fault. If it concerns connections, ends the existing ones, as a restart of PostgreSQL would.</summary>
    public async Task BreakAsync(string sql)
    {
        await CureAsync(sql);
        if (IsOfServer(sql))
        {
            await server.ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
        }
    }

    public Task CureAsync(string sql) => (IsOfServer(sql) ? server : tables).ExecuteAsync(sql
        .Replace("DATABASE DATABASE", "DATABASE " + name, StringComparison.Ordinal)
        .Replace("ROLE ROLE", "ROLE " + role, StringComparison.Ordinal)
        .Replace("FROM ROLE", "FROM " + role, StringComparison.Ordinal)
        .Replace("TO ROLE", "TO " + role, StringComparison.Ordinal)
        .Replace("'PASSWORD'", $"'{password}'", StringComparison.Ordinal));

    /// <summary>Readiness is public, so it says what is wrong and not where.</summary>
    public void AssertNamesNothing(string text) =>
        Assert.All([role, password, name, "127.0.0.1"], secret => Assert.DoesNotContain(secret, text, StringComparison.Ordinal));

    public async ValueTask DisposeAsync()
    {
        Identity?.Dispose();
        if (Service is not null)
        {
            await Service.DisposeAsync();
        }

        await (own?.DisposeAsync() ?? ValueTask.CompletedTask);
    }

    private static bool IsOfServer(string sql) =>
        sql.StartsWith("ALTER DATABASE", StringComparison.Ordinal) || sql.StartsWith("ALTER ROLE", StringComparison.Ordinal);
}
