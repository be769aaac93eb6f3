using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Throttling;

/// <summary>An attempt that is counted. Whoever says nothing more has it stay so.</summary>
internal sealed class Reservation(IdentityDb db, Budget budget, List<ReservedCount> counts)
{
    // What was counted in a window is taken from that window alone, so a count never falls below what is still in progress. What is
    // forgiven gets a window that never was: it is counted anew, and those who drew on the old window and give back later miss it.
    private const string Return =
        """
        WITH returned AS (
            SELECT c.key, w.is_forgiven
            FROM unnest(@keys, @windows, @forgiven) AS w (key, resets_at, is_forgiven) JOIN attempt_counts c USING (key)
            WHERE w.is_forgiven OR c.resets_at = w.resets_at ORDER BY c.key FOR UPDATE OF c)
        UPDATE attempt_counts c SET
            count = CASE WHEN r.is_forgiven THEN 0 ELSE c.count - 1 END,
            resets_at = CASE WHEN r.is_forgiven THEN '-infinity' ELSE c.resets_at END
        FROM returned r WHERE c.key = r.key
        """;

    /// <summary>The attempt was not made.</summary>
    public Task GiveBackAsync() => ReturnAsync([]);

    /// <summary>The attempt was right: it counts nowhere, and the wrong ones before it are forgotten where that is safe.</summary>
    public Task ForgiveAsync() => ReturnAsync(budget.ForgivenKeys);

    private async Task ReturnAsync(byte[][] forgiven)
    {
        var others = counts.FindAll(count => !forgiven.Any(key => key.AsSpan().SequenceEqual(count.Key)));
        if (others.Count + forgiven.Length == 0)
        {
            return;
        }

        try
        {
            await db.Database.ExecuteSqlRawAsync(
                Return,
                [
                    new NpgsqlParameter("keys", (byte[][])[.. forgiven, .. others.Select(count => count.Key)]),
                    new NpgsqlParameter(
                        "windows",
                        (DateTimeOffset[])[.. forgiven.Select(_ => default(DateTimeOffset)), .. others.Select(count => count.ResetsAt)]),
                    new NpgsqlParameter("forgiven", (bool[])[.. forgiven.Select(_ => true), .. others.Select(_ => false)]),
                ],
                CancellationToken.None); // whether or not the caller still waits
        }
        catch (Exception exception) when (DatabaseUnavailable.FindCause(exception) is not null)
        {
            // It stays counted until the window ends.
        }
    }
}
