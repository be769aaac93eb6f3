using System.Diagnostics.Metrics;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>
/// Reports on how many hosts a commit is when PostgreSQL answers: in a metric, and in the readiness if two are required. It only reports
/// and never decides, because the truth may change right after each look. The commits themselves wait for the second host.
/// </summary>
internal sealed partial class ReportDurability : BackgroundService, IHealthCheck
{
    private const string Ask =
        """
        SELECT pg_has_role('pg_monitor', 'USAGE'), current_setting('synchronous_standby_names') <> '',
            current_setting('synchronous_commit') = 'on' AND current_setting('client_min_messages') = 'warning',
            count(*) FILTER (WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')),
            count(*) FILTER (WHERE state IN ('streaming', 'catchup'))
        FROM pg_stat_replication
        """;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly Primary primary;
    private readonly bool requiresQuorum, hasStandbys;
    private readonly TimeProvider clock;
    private readonly ILogger<ReportDurability> logger;
    private volatile Standing? last; // null while PostgreSQL does not answer

    public ReportDurability(
        Primary primary, IOptions<DatabaseOptions> options, IMeterFactory meters, TimeProvider clock, ILogger<ReportDurability> logger)
    {
        (this.primary, this.clock, this.logger) = (primary, clock, logger);
        requiresQuorum = options.Value.RequiresQuorum;
        hasStandbys = options.Value.ReadHosts().Count > 1;
        meters.Create("AuthMesh.Identity").CreateObservableGauge(
            "authmesh.database.durability", Measure, "{state}",
            "1 for the present state: quorum (two hosts have each commit), asynchronous, or single. 0 for the others.");
    }

    /// <summary>Demands that PostgreSQL waits for a second host, if that is required. The start waits for it.</summary>
    public async Task DemandAsync(CancellationToken cancellationToken)
    {
        if (requiresQuorum && (await ReadAsync(cancellationToken)).Misconfiguration is { } fault)
        {
            throw fault;
        }
    }

    /// <summary>Reports degraded: the service still serves keys and reads, and writes fail by themselves.</summary>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(
            requiresQuorum && last?.Problem is { } problem ? HealthCheckResult.Degraded(problem) : HealthCheckResult.Healthy());

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (requiresQuorum || hasStandbys) // otherwise an idle mesh would send another query for nothing
        {
            await new Repeating(clock, Explain).RunAsync(LookAsync, stoppingToken);
        }
    }

    private Setback? Explain(Exception exception)
    {
        last = null; // the health of the database says why
        _ = primary.Search();
        return DatabaseUnavailable.FindCause(exception) is { } cause ? new Setback(cause.Message, Interval) : null;
    }

    internal async Task<TimeSpan?> LookAsync(CancellationToken cancellationToken)
    {
        var (before, now) = (last, await ReadAsync(cancellationToken));
        last = now;
        if (requiresQuorum && before?.Problem != now.Problem)
        {
            if (now.Problem is { } problem)
            {
                LogProblem(problem);
            }
            else
            {
                LogQuorum();
            }
        }

        return Interval;
    }

    private async Task<Standing> ReadAsync(CancellationToken cancellationToken)
    {
        await using var connection = await primary.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Ask, connection);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new Standing(row.GetBoolean(0), row.GetBoolean(1), row.GetBoolean(2), row.GetInt64(3), row.GetInt64(4));
    }

    private IEnumerable<Measurement<int>> Measure() => last is { IsVisible: true } standing
        ? Enum.GetValues<Durability>().Select(state => new Measurement<int>(
            state == standing.Durability ? 1 : 0, new KeyValuePair<string, object?>("state", Name(state))))
        : [];

    private static string Name(Durability durability) => durability.ToString().ToLowerInvariant();

    [LoggerMessage(LogLevel.Error, "{Problem}")]
    private partial void LogProblem(string problem);

    [LoggerMessage(LogLevel.Information, "Two hosts have each commit (quorum)")]
    private partial void LogQuorum();

    private enum Durability
    {
        Quorum,
        Asynchronous,
        Single,
    }

    /// <param name="IsVisible">Whether PostgreSQL shows its standbys to the service's user.</param>
    /// <param name="Waits">Whether a commit waits for a second host.</param>
    /// <param name="IsAsDemanded">Whether the connection has the settings that <see cref="DatabaseOptions"/> asks for.</param>
    /// <param name="Confirming">The connected standbys that confirm commits.</param>
    /// <param name="Connected">All connected standbys.</param>
    private sealed record Standing(bool IsVisible, bool Waits, bool IsAsDemanded, long Confirming, long Connected)
    {
        public Durability Durability => Waits && Confirming > 0 ? Durability.Quorum
            : Connected > 0 ? Durability.Asynchronous : Durability.Single;

        public NotDurableException? Misconfiguration => !IsVisible
            ? new NotDurableException("does not show its standbys to the service's user", "GRANT pg_monitor TO …;")
            : !Waits
            ? new NotDurableException(
                $"answers commits that only one host has ({Name(Durability)})",
                "Set synchronous_mode and synchronous_mode_strict in Patroni, or synchronous_standby_names.")
            : !IsAsDemanded
            ? new NotDurableException(
                "does not use the service's own settings of a connection, perhaps because a pooler drops them",
                "Let synchronous_commit=on and client_min_messages=warning pass.")
            : null;

        public string? Problem => Misconfiguration is { } fault ? $"PostgreSQL {fault.Message}. {fault.Cure}"
            : Durability != Durability.Quorum ? $"PostgreSQL has no standby that confirms commits ({Name(Durability)}), so writes fail"
            : null;
    }
}

/// <summary>PostgreSQL does not do what <c>Identity:Database:RequireDurability</c> needs.</summary>
internal sealed class NotDurableException(string problem, string cure) : NpgsqlException(problem)
{
    public string Cure => cure;
}
