using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>
/// Finds commits that only one host has, although the session waits for a second one. When such a wait is canceled, PostgreSQL commits
/// locally, answers COMMIT, and says so only in a warning (PostgreSQL's documentation, "synchronous_commit"). Such a commit is a failure
/// here: its outcome is unknown, and the answer is 503.
/// </summary>
internal static class UnconfirmedCommit
{
    // The function of PostgreSQL that waits. The text of the warning depends on lc_messages, and its code, 01000, is that of any warning.
    private const string Wait = "SyncRepWaitForLSN";

    private static readonly ConditionalWeakTable<NpgsqlConnection, StrongBox<bool>> Watched = [];

    /// <summary>Watches the commits of a connection, which must not be open yet.</summary>
    public static NpgsqlConnection Watch(NpgsqlConnection connection)
    {
        var isUnconfirmed = new StrongBox<bool>();
        Watched.Add(connection, isUnconfirmed);
        connection.Notice += (_, arguments) => isUnconfirmed.Value |= IsOfCommit(arguments.Notice);
        return connection;
    }

    /// <summary>Throws once if a commit of the connection is on one host only.</summary>
    /// <exception cref="UnconfirmedCommitException">The commit may be lost, or it may not.</exception>
    public static void ThrowIfAny(NpgsqlConnection connection)
    {
        if (Watched.TryGetValue(connection, out var isUnconfirmed) && isUnconfirmed.Value)
        {
            isUnconfirmed.Value = false;
            throw new UnconfirmedCommitException();
        }
    }

    // A pooler may drop the name of the function.
    private static bool IsOfCommit(PostgresNotice notice) =>
        notice.SqlState == PostgresErrorCodes.Warning && notice.InvariantSeverity == "WARNING" && notice.Routine is null or Wait;
}

/// <summary>Makes Entity Framework throw for a commit that only one host has.</summary>
internal sealed class ThrowIfUnconfirmed(Primary primary) : DbConnectionInterceptor, IDbTransactionInterceptor
{
    public override InterceptionResult ConnectionOpening(
        DbConnection connection, ConnectionEventData eventData, InterceptionResult result)
    {
        primary.ThrowIfMissing();
        return result;
    }

    public override ValueTask<InterceptionResult> ConnectionOpeningAsync(
        DbConnection connection, ConnectionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        primary.ThrowIfMissing();
        return ValueTask.FromResult(result);
    }

    public Task TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        UnconfirmedCommit.ThrowIfAny((NpgsqlConnection)eventData.Context!.Database.GetDbConnection());
        return Task.CompletedTask;
    }

    // A statement outside a transaction commits by itself. Entity Framework closes the connection after each, once PostgreSQL is done.
    public override Task ConnectionClosedAsync(DbConnection connection, ConnectionEndEventData eventData)
    {
        UnconfirmedCommit.ThrowIfAny((NpgsqlConnection)connection);
        return Task.CompletedTask;
    }
}

/// <summary>PostgreSQL committed, but no second host confirmed it.</summary>
internal sealed class UnconfirmedCommitException() : NpgsqlException("No second host confirmed the commit");
