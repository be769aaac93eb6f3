using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AuthMesh.Bench.OpenId;

/// <summary>The proof of the applications here that a code is theirs (RFC 7636 §4).</summary>
internal static class Pkce
{
    // 256 bits in base64url, as a random one.
    public const string Verifier = "a-verifier-that-is-as-long-as-a-random-one1";

    public static string Challenge { get; } = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));
}
