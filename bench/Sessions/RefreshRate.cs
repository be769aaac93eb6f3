using System.Diagnostics;
using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Servers;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.LocalMesh;
using Npgsql;

namespace AuthMesh.Bench.Sessions;

/// <summary>
/// Measures refreshes per second that each rotate a session once, against PostgreSQL's own limit: an empty update of the same rows, sent by
/// plain Npgsql with as many connections and callers.
/// </summary>
internal static class RefreshRate
{
    private const int Callers = 64;

    public static async Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation)
    {
        var masterKey = Rotatable.NewMasterKey();
        var settings = new Dictionary<string, string> { ["Identity:MasterKey"] = Convert.ToBase64String(masterKey) };
        await using var mesh = await Mesh.StartAsync(new MeshOptions { IdentitySettings = settings }, cancellation);
        var service = new DatabaseOptions { ConnectionString = mesh.ConnectionString }.ReadHosts()[0];
        await using var prepared = NpgsqlDataSource.Create(service);
        await using var database = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(mesh.ConnectionString) { MaxPoolSize = service.MaxPoolSize });
        var sessions = await Rotatable.CreateAsync(database, mesh.ConnectionString, masterKey, plan.IsSmoke ? 4_000 : 20_000, cancellation);

        var identity = mesh.Identity.ProcessId!.Value;
        var postmaster = await FindPostmasterAsync(database);
        Contender direct = new("at the identity service", new RefreshCalls(mesh.Identity.Address, sessions, Callers), identity, postmaster);
        Contender behindGateway = new(
            "through the gateway", new RefreshCalls(mesh.Gateway.Address, sessions, Callers), identity, postmaster);
        Contender statement = new("the statement alone", new EmptyUpdates(database, sessions), null, postmaster);
        Contender preparedStatement = new(
            "the same, prepared as the service's are", new EmptyUpdates(prepared, sessions), null, postmaster);

        var turn = TimeSpan.FromSeconds(plan.IsSmoke ? 1 : 3); // longer turns would need more sessions
        var warmUp = Stopwatch.StartNew();
        for (var round = plan.WarmUp > TimeSpan.Zero ? -1 : 0; round < plan.Rounds;) // rounds below 0 are not counted
        {
            foreach (var contender in round % 2 == 0 ? (Contender[])[direct, statement, behindGateway, preparedStatement]
                : [preparedStatement, behindGateway, statement, direct])
            {
                await contender.TakeTurnAsync(turn, sessions, isCounted: round >= 0, cancellation);
            }

            round += round >= 0 || warmUp.Elapsed >= plan.WarmUp ? 1 : 0;
        }

        return
        [
            new Row("POST /refresh", "an empty UPDATE … RETURNING through Npgsql", direct.RatiosTo(statement), Targets.Refresh)
            {
                Figures = $"{direct} to {statement}; {preparedStatement}; {behindGateway}",
            },
        ];
    }

    /// <returns>Null if PostgreSQL runs in a container, where its processes are invisible.</returns>
    internal static async Task<int?> FindPostmasterAsync(NpgsqlDataSource database)
    {
        await using var command = database.CreateCommand("SELECT pg_backend_pid()");
        var stat = $"/proc/{await command.ExecuteScalarAsync()}/stat";
        string[] fields = File.Exists(stat) ? (await File.ReadAllTextAsync(stat)).Split(' ') : [];
        return fields is [_, "(postgres)", _, var parent, ..] ? int.Parse(parent, System.Globalization.CultureInfo.InvariantCulture) : null;
    }

    /// <summary>One contender, with its figures from the counted rounds.</summary>
    private sealed class Contender(string name, ICalls calls, int? identity, int? postmaster)
    {
        private readonly List<double> perSecond = [];
        private double identitySeconds, postgresSeconds;
        private long done;

        public IReadOnlyList<double> RatiosTo(Contender other) => [.. perSecond.Zip(other.perSecond, (own, others) => own / others)];

        public async Task TakeTurnAsync(TimeSpan time, Rotatable sessions, bool isCounted, CancellationToken cancellation)
        {
            await sessions.AgeAsync(cancellation);
            var (steps, identityBefore, postgresBefore) =
                (await sessions.CountStepsAsync(cancellation), CpuTime.OfChanging(identity), CpuTime.OfChanging(postmaster));
            var (turn, next) = (Stopwatch.StartNew(), -1);
            await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(
                async () =>
                {
                    for (int session; turn.Elapsed < time && (session = Interlocked.Increment(ref next)) < sessions.Count;)
                    {
                        await calls.CallAsync(caller, session, cancellation);
                    }
                },
                cancellation)));
            turn.Stop();
            var count = Math.Min(next + 1, sessions.Count);
            var moved = await sessions.CountStepsAsync(cancellation) - steps;
            if (moved != (calls.MovesSessions ? count : 0))
            {
                throw new InvalidOperationException($"{count} calls {name} moved {moved} sessions.");
            }

            if (isCounted)
            {
                perSecond.Add(count / turn.Elapsed.TotalSeconds);
                done += count;
                identitySeconds += CpuTime.OfChanging(identity) - identityBefore;
                postgresSeconds += CpuTime.OfChanging(postmaster) - postgresBefore;
            }
        }

        public override string ToString()
        {
            string Cpu(string process, int? id, double seconds) =>
                id is null ? "" : FormattableString.Invariant($", {process} {seconds / done * 10_000:0.0} CPU s per 10,000");
            return FormattableString.Invariant($"{name} {Row.Median(perSecond):0}/s")
                + Cpu("identity service", identity, identitySeconds) + Cpu("PostgreSQL", postmaster, postgresSeconds);
        }
    }
}

/// <summary>One way to change a session's row.</summary>
internal interface ICalls
{
    /// <summary>Whether each call rotates its session.</summary>
    bool MovesSessions { get; }

    /// <param name="caller">The index of the concurrent caller.</param>
    /// <param name="session">The index of the session.</param>
    Task CallAsync(int caller, int session, CancellationToken cancellation);
}

internal sealed class EmptyUpdates(NpgsqlDataSource database, Rotatable sessions) : ICalls
{
    public bool MovesSessions => false;

    public async Task CallAsync(int caller, int session, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            "UPDATE sessions SET last_used_at = last_used_at WHERE id = $1 RETURNING refresh_counter");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = sessions.Ids[session] });
        if (await command.ExecuteScalarAsync(cancellation) is not int)
        {
            throw new InvalidOperationException("The session does not exist.");
        }
    }
}
