using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Errors;

namespace AuthMesh.Identity.Emails;

/// <summary>The secret in a link: 130 random bits as 26 characters of base32 (RFC 4648 §6) in lower case.</summary>
internal sealed record ProofToken
{
    /// <summary>The one answer for every proof that does not count: invented, expired, used, void, or another account's.</summary>
    public static readonly Failure InvalidOrExpired = new(
        StatusCodes.Status400BadRequest, "invalid_or_expired_token", "This link does not count: it has expired, was used, or is not yours");

    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private const int Length = 26;

    private static readonly SearchValues<char> Allowed = SearchValues.Create(Alphabet);

    private ProofToken(string text) => Text = text;

    public string Text { get; }

    public byte[] Hash => SHA256.HashData(Encoding.ASCII.GetBytes(Text)); // 130 random bits need neither salt nor cost

    public static ProofToken Create() => new(RandomNumberGenerator.GetString(Alphabet, Length));

    /// <returns>The token, or null if this service cannot have written the text. 26 characters hold 130 bits, so each has one
    /// spelling.</returns>
    public static ProofToken? TryParse(string? text) =>
        text?.Length == Length && !text.AsSpan().ContainsAnyExcept(Allowed) ? new ProofToken(text) : null;
}
