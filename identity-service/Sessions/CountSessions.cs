using System.Diagnostics.Metrics;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// Counts the live sign-ins of the whole mesh once a minute, while something collects metrics. The statement reads the whole table, which
/// takes a second for some million sessions, so it does not run for each scrape.
/// </summary>
internal sealed class CountSessions : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private const string Count = $"SELECT count(*) FROM sessions s, users u WHERE {LiveSession.IsLiveSignIn}";
    private const int Patience = 30; // seconds

    private readonly Primary database;
    private readonly Preparation preparation;
    private readonly TimeProvider clock;
    private readonly Instrument gauge;
    private long live = -1;

    public CountSessions(Primary database, Preparation preparation, TimeProvider clock, IMeterFactory meters)
    {
        (this.database, this.preparation, this.clock) = (database, preparation, clock);
        gauge = meters.Create("AuthMesh.Identity").CreateObservableGauge(
            "authmesh.sessions.live", Measure, "{session}", "Sign-ins that could get a token, of the whole mesh.");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await preparation.Completed.WaitAsync(stoppingToken);
        await new Repeating(clock, Explain).RunAsync(CountAsync, stoppingToken);
    }

    // No log line: FollowRevocations reports the same fault, and the gauge keeps its last value.
    private static Setback? Explain(Exception exception) =>
        DatabaseUnavailable.FindCause(exception) is { } cause ? new Setback(cause.Message, Interval) : null;

    private Measurement<long>[] Measure() => Interlocked.Read(ref live) is var count and >= 0 ? [new(count)] : [];

    private async Task<TimeSpan?> CountAsync(CancellationToken cancellationToken)
    {
        if (gauge.Enabled)
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand(Count, connection) { CommandTimeout = Patience };
            Interlocked.Exchange(ref live, (long)(await command.ExecuteScalarAsync(cancellationToken))!);
        }

        return Interval;
    }
}
