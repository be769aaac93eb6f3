using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tokens;

/// <summary>Caches access tokens whose signature was verified, so that it is verified once and not for every request.</summary>
internal sealed class VerifiedTokens(IOptions<AuthMeshOptions> options, TimeProvider clock)
    : TwoGenerationCache<TokenDigest, VerifiedToken>(options.Value.VerifiedTokens, clock);

/// <summary>
/// SHA-256 of the whole text of a token: an access token, or a browser's session cookie. Nobody can find two texts with the same digest,
/// and the cache keeps no token in memory.
/// </summary>
internal readonly record struct TokenDigest(ulong A, ulong B, ulong C, ulong D)
{
    public static TokenDigest Of(ReadOnlySpan<char> token)
    {
        Span<ulong> digest = stackalloc ulong[4];
        // Hashes the characters as they are in memory. An encoding into bytes could make two texts equal.
        SHA256.HashData(MemoryMarshal.AsBytes(token), MemoryMarshal.AsBytes(digest));
        return new TokenDigest(digest[0], digest[1], digest[2], digest[3]);
    }

    public override int GetHashCode() => (int)A; // as evenly distributed as any mix of the four
}
