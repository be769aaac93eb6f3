using System.Security.Cryptography;
using AuthMesh.Access;
using AuthMesh.Bench.Keys;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Tokens;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Bench.Sessions;

/// <summary>Sessions, one per user, written directly to the tables, and their refresh tokens under the mesh's own key.</summary>
internal sealed class Rotatable(NpgsqlDataSource database, KeyRing ring, IReadOnlyList<Guid> ids)
{
    private readonly RefreshToken[] tokens = [.. ids.Select(id => new RefreshToken(ring.CurrentMacKey.Id, id, Epoch: 0, Counter: 0))];

    public IReadOnlyList<Guid> Ids => ids;

    public int Count => ids.Count;

    public static byte[] NewMasterKey() => RandomNumberGenerator.GetBytes(32);

    /// <param name="database">The database of a ready mesh.</param>
    /// <param name="connectionString">The connection string of the same database.</param>
    /// <param name="masterKey">The master key of the mesh.</param>
    /// <param name="count">The number of sessions.</param>
    /// <param name="cancellation">Cancels the creation.</param>
    public static async Task<Rotatable> CreateAsync(
        NpgsqlDataSource database, string connectionString, byte[] masterKey, int count, CancellationToken cancellation)
    {
        var ring = await MeshKeys.OpenAsync(connectionString, masterKey, cancellation);
        var ids = await StoredSignIns.CreateAsync(database, "rotatable", count, cancellation);
        return new Rotatable(database, ring, ids);
    }

    /// <summary>Returns the session's current refresh token and advances to the next. Call it once per session and turn.</summary>
    public string Next(int session)
    {
        var token = tokens[session];
        tokens[session] = token.At(token.Counter + 1);
        return token.ToText(ring);
    }

    /// <summary>Mints access tokens for that many sessions, as the identity service would.</summary>
    public IEnumerable<string> MintAccessTokens(string issuer, int count)
    {
        var mint = new AccessTokens(ring, Options.Create(new AuthMeshOptions { Issuer = issuer }), Options.Create(new TokenOptions()));
        var now = TimeProvider.System.GetUtcNow();
        var proof = new SignInProof(now, Assurance.OneFactor, ["pwd"]);
        return ids.Take(count).Select((id, i) => mint.Mint(
            new TokenSession(
                Guid.NewGuid(), id, Epoch: 0, $"rotatable-{i}", Email: null, Roles.User, now, TimeSpan.FromDays(14), proof)).Value);
    }

    /// <summary>Moves the stored times back, past the 30 seconds in which a session does not rotate again.</summary>
    public Task AgeAsync(CancellationToken cancellation) =>
        ExecuteAsync(
            database,
            "UPDATE sessions SET refreshed_at = refreshed_at - interval '1 minute' WHERE refreshed_at > now() - interval '1 minute'",
            cancellation);

    public async Task<long> CountStepsAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand("SELECT sum(refresh_counter) FROM sessions");
        return (long)(await command.ExecuteScalarAsync(cancellation))!;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
