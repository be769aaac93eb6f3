using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tokens;

/// <summary>Access tokens whose signature was found good, so that it is checked once and not for every request.</summary>
internal sealed class VerifiedTokens(IOptions<AuthMeshOptions> options, TimeProvider clock)
    : TwoGenerationCache<TokenDigest, VerifiedToken>(options.Value.VerifiedTokens, clock);

/// <summary>
/// SHA-256 of the whole text of a token: an access token, or a browser's session cookie. Nobody finds two texts with the same one, and no
/// token lies in memory for it.
/// </summary>
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
