using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tokens;

/// <summary>
/// Tokens whose signature was found good, so that it is checked once and not for every request. In two generations: what is found in
/// the older one moves to the newer, and when that is full the older one goes as a whole, with all that nobody asked for. So it stays
/// bounded without any book about who was used when, and readers never wait.
/// </summary>
internal sealed class VerifiedTokens(IOptions<AuthMeshOptions> options, TimeProvider clock)
{
    // Tokens live for half an hour: without this, a quiet service would keep those of the last days until it had enough of them.
    private static readonly TimeSpan GenerationTime = TimeSpan.FromMinutes(10);

    private readonly int generationSize = options.Value.VerifiedTokens / 2;
    private readonly Lock gate = new();
    private volatile ConcurrentDictionary<TokenDigest, VerifiedToken> newer = NewGeneration();
    private volatile ConcurrentDictionary<TokenDigest, VerifiedToken> older = NewGeneration();
    private long newerSince = clock.GetTimestamp();

    public int Count => newer.Count + older.Count;

    public VerifiedToken? Find(TokenDigest digest)
    {
        if (newer.TryGetValue(digest, out var token) || !older.TryGetValue(digest, out token))
        {
            return token;
        }

        if (gate.TryEnter()) // else the next one who asks moves it
        {
            try
            {
                Keep(digest, token);
            }
            finally
            {
                gate.Exit();
            }
        }

        return token;
    }

    public void Add(TokenDigest digest, VerifiedToken token)
    {
        lock (gate)
        {
            Keep(digest, token);
        }
    }

    private void Keep(TokenDigest digest, VerifiedToken token)
    {
        if (generationSize == 0)
        {
            return;
        }

        if (newer.Count >= generationSize || clock.GetElapsedTime(newerSince) >= GenerationTime)
        {
            older = newer;
            newer = NewGeneration();
            newerSince = clock.GetTimestamp();
        }

        newer[digest] = token;
    }

    // Written under the gate only, so one lock inside is enough; readers take none.
    private static ConcurrentDictionary<TokenDigest, VerifiedToken> NewGeneration() => new(concurrencyLevel: 1, capacity: 31);
}

/// <summary>SHA-256 of the whole text of a token. Nobody finds two texts with the same one, and no token lies in memory for it.</summary>
internal readonly record struct TokenDigest(ulong A, ulong B, ulong C, ulong D)
{
    public static TokenDigest Of(string token)
    {
        Span<ulong> digest = stackalloc ulong[4];
        // The characters as they lie in memory. Any way of writing them as bytes first could write two texts alike.
        SHA256.HashData(MemoryMarshal.AsBytes(token.AsSpan()), MemoryMarshal.AsBytes(digest));
        return new TokenDigest(digest[0], digest[1], digest[2], digest[3]);
    }

    public override int GetHashCode() => (int)A; // as evenly spread as any mixture of the four
}
