using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Throttling;

/// <summary>A counted attempt. It stays counted unless it is given back or forgiven.</summary>
internal sealed class Reservation(IdentityDb db, Budget budget, List<ReservedCount> counts)
{
    // An attempt is subtracted only from the window that counted it, so a count never falls below the attempts in progress. A forgiven
    // count gets the window '-infinity', which no attempt has drawn on. It restarts from zero, and later returns to the old window find
    // no match.
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

    /// <summary>Uncounts an attempt that was not made.</summary>
    public Task GiveBackAsync() => ReturnAsync([]);

    /// <summary>Uncounts an attempt with the right password, and resets earlier wrong ones where that is safe.</summary>
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
                CancellationToken.None); // even if the caller has left
        }
        catch (Exception exception) when (DatabaseUnavailable.FindCause(exception) is not null)
        {
            // The attempt stays counted until the window ends.
        }
    }
}
