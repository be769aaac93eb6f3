using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>
/// Connections to the server that accepts writes. A connection string may name several hosts: one is the primary, and after a fail-over
/// another one is. Commits of these connections are watched, see <see cref="UnconfirmedCommit"/>.
/// </summary>
/// <remarks>
/// Npgsql can choose a host, too, but not for this service. It asks the hosts in turn once per Host Recheck Seconds, so a host that does
/// not even refuse (a machine without power) delays requests by three seconds each time. With Cancellation Timeout=-1 it never remembers
/// that such a host is silent. And it believes an earlier primary that does not know yet that another one took over.
/// </remarks>
internal sealed partial class Primary : IAsyncDisposable, IDisposable
{
    // While no host is a primary, each failed request asks for a search.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    // Patroni demotes a primary that was replaced within its ttl, 30 s by default. If a primary of a lower timeline is the only one for
    // longer, the cluster was restored.
    private static readonly TimeSpan DemotionTime = TimeSpan.FromMinutes(1);

    // The commit of this record waits like any other, and it comes after everything that was read.
    private const string WriteRecord = "SELECT pg_logical_emit_message(true, 'authmesh', '')";

    private readonly Host[] hosts;
    private readonly bool requiresQuorum;
    private readonly TimeProvider clock;
    private readonly ILogger logger;
    private readonly Lock gate = new();
    private volatile Host current;
    private volatile NpgsqlException? missing; // why the hosts have no primary; null if `current` is one as far as we know
    private CancellationTokenSource moved = new();
    private Task search = Task.CompletedTask;
    private Task? firstSearch;
    private long searchedAt;
    private int timeline; // the highest one that this service followed; only a search uses it
    private long? replacedAt; // since when only an earlier primary answers

    public Primary(IOptions<DatabaseOptions> options, TimeProvider clock, ILoggerFactory loggers)
        : this(
            [.. options.Value.ReadHosts().Select((settings, i) => Host.Of(settings, i, loggers))], clock,
            loggers.CreateLogger<Primary>()) =>
        requiresQuorum = options.Value.RequiresQuorum;

    /// <summary>Uses one server, which needs no search.</summary>
    internal Primary(NpgsqlDataSource dataSource)
        : this([new Host("", dataSource, dataSource)], TimeProvider.System, NullLogger.Instance)
    {
    }

    private Primary(Host[] hosts, TimeProvider clock, ILogger logger) =>
        (this.hosts, this.clock, this.logger, current) = (hosts, clock, logger, hosts[0]);

    /// <summary>Is canceled when another host becomes the primary. Long-lived connections end then.</summary>
    public CancellationToken Moved
    {
        get
        {
            lock (gate)
            {
                return moved.Token;
            }
        }
    }

    /// <summary>Creates a command with a connection of its own, for <see cref="CommittedRow"/>.</summary>
    public NpgsqlCommand CreateCommand(string sql)
    {
        ThrowIfMissing();
        return new NpgsqlCommand(sql, CreateConnection());
    }

    /// <summary>Creates a closed connection. The caller opens it after <see cref="ThrowIfMissing"/>.</summary>
    public NpgsqlConnection CreateConnection() => UnconfirmedCommit.Watch(current.DataSource.CreateConnection());

    public async Task<NpgsqlConnection> OpenConnectionAsync(CancellationToken cancellationToken)
    {
        await FindAsync(cancellationToken);
        ThrowIfMissing();
        var connection = CreateConnection();
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Fails at once while no host is a primary, instead of after the timeout of a connection.</summary>
    public void ThrowIfMissing()
    {
        if (missing is { } reason)
        {
            throw new NoPrimaryException(reason);
        }
    }

    /// <summary>
    /// Waits until everything that this service has read so far is on two hosts. It does nothing unless that is required. An answer that
    /// relies on an earlier change without writing anything needs it: PostgreSQL also shows a change that no second host confirmed, after
    /// a canceled wait or after a restart.
    /// </summary>
    public async Task ConfirmReadsAsync(CancellationToken cancellationToken)
    {
        if (requiresQuorum)
        {
            await using var connection = await OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand(WriteRecord, connection);
            await command.ExecuteNonQueryAsync(cancellationToken);
            UnconfirmedCommit.ThrowIfAny(connection);
        }
    }

    /// <summary>Drops the idle connections; those in use are dropped when they are returned.</summary>
    public void Clear() => current.DataSource.Clear();

    /// <summary>Looks for the primary again, in the background. Call it for a fault that a fail-over may have caused.</summary>
    /// <returns>The search that runs now, or the last one. Nothing needs to wait for it.</returns>
    public Task Search()
    {
        lock (gate)
        {
            if (hosts.Length > 1 && search.IsCompleted && (searchedAt == 0 || clock.GetElapsedTime(searchedAt) >= Pause))
            {
                searchedAt = clock.GetTimestamp();
                search = Task.Run(SearchAsync);
            }

            return search;
        }
    }

    /// <summary>Waits for the first search. Without it, the first statement might reach a standby, or a host that is silent.</summary>
    public Task FindAsync(CancellationToken cancellationToken)
    {
        lock (gate)
        {
            return (firstSearch ??= Search()).WaitAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in hosts)
        {
            await host.DataSource.DisposeAsync();
            await host.Probe.DisposeAsync();
        }

        moved.Dispose();
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task SearchAsync()
    {
        var answers = await FindPrimary.AskAsync(hosts, host => host.Probe, clock);
        var newest = FindPrimary.Newest(answers);
        var isEarlier = newest?.Timeline < timeline;
        if (newest is null || isEarlier)
        {
            // A server without a free place for this question may still serve the connections of the pool.
            var isFull = answers.Any(answer => answer.Host == current
                && answer.Refusal is PostgresException { SqlState: PostgresErrorCodes.TooManyConnections });
            replacedAt = isEarlier && !isFull ? replacedAt ?? clock.GetTimestamp() : null;
            if (replacedAt is not { } since || clock.GetElapsedTime(since) < DemotionTime)
            {
                missing = isFull ? null
                    : newest is null ? FindPrimary.Reason(answers)
                    : new NpgsqlException($"{newest.Host.Name} was a primary earlier, and the one that replaced it does not answer");
                return;
            }
        }

        var found = newest!.Host;
        (timeline, replacedAt, missing) = (newest.Timeline!.Value, null, null);
        if (found == current)
        {
            return;
        }

        CancellationTokenSource left;
        lock (gate)
        {
            (left, moved) = (moved, new CancellationTokenSource());
            (current, var earlier) = (found, current);
            earlier.DataSource.Clear();
        }

        LogMoved(found.Name);
        await left.CancelAsync();
        left.Dispose();
    }

    [LoggerMessage(LogLevel.Information, "The primary is now {Host}")]
    private partial void LogMoved(string host);

    /// <param name="Name">As in the connection string.</param>
    /// <param name="DataSource">For statements.</param>
    /// <param name="Probe">For the search: without a pool, because an old connection may lead to a server that is suspended.</param>
    private sealed record Host(string Name, NpgsqlDataSource DataSource, NpgsqlDataSource Probe)
    {
        public static Host Of(NpgsqlConnectionStringBuilder settings, int place, ILoggerFactory loggers)
        {
            var probe = new NpgsqlConnectionStringBuilder(settings.ConnectionString) { Pooling = false, Timeout = 2, CommandTimeout = 2 };
            var pool = place == 0 ? "identity" : $"identity-{place + 1}";
            return new Host(settings.Host!, Build(settings, pool), Build(probe, $"{pool}-search"));

            NpgsqlDataSource Build(NpgsqlConnectionStringBuilder of, string name)
            {
                // Metrics name the pool. Without a name, that would be the connection string, with the names of hosts and user.
                var builder = new NpgsqlDataSourceBuilder(of.ConnectionString) { Name = name };
                builder.UseLoggerFactory(loggers);
                return builder.Build();
            }
        }
    }
}

/// <summary>No host accepts writes now.</summary>
internal sealed class NoPrimaryException(NpgsqlException reason)
    : NpgsqlException("None of the hosts is a primary: " + reason.Message, reason);
