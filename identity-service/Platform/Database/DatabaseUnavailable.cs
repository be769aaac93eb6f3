using AuthMesh.Errors;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>PostgreSQL that cannot be reached, is starting or stopping, or does not answer in time is a 503, not a fault of ours.</summary>
internal static class DatabaseUnavailable
{
    public static readonly FailureRule Rule = new(exception => FindCause(exception) is { } cause && IsPassing(cause)
        ? CommonFailures.Unavailable("database_unavailable", "Accounts are not available right now", TimeSpan.FromSeconds(2))
        : null);

    /// <summary>What Npgsql threw, which Entity Framework wraps; null where the database had no part in it.</summary>
    public static NpgsqlException? FindCause(Exception? exception) => exception switch
    {
        null => null,
        NpgsqlException cause => cause,
        _ => FindCause(exception.InnerException),
    };

    // What the server did not even answer to, or answered with a shutdown, a recovery, too many connections, a deadlock.
    private static bool IsPassing(NpgsqlException cause) =>
        cause is not PostgresException answered || answered.IsTransient || answered.SqlState == PostgresErrorCodes.AdminShutdown;
}
