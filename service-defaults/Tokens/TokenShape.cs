using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace AuthMesh.Tokens;

/// <summary>
/// Reads a text that has exactly the form in which the mesh's issuer writes access tokens. General JWT libraries accept much that
/// the issuer never writes (any header member, doubled claims, numbers as strings, padding); each such freedom has been somebody's
/// hole, and nobody needs it here. What is read is what was judged: nobody reads the text a second time.
/// </summary>
internal static class TokenShape
{
    /// <summary>In characters. Ours have about 700; what is longer is not even decoded.</summary>
    public const int MaximumLength = 8 * 1024;

    /// <summary>ES256 (RFC 7518 §3.4): two numbers of 32 bytes each.</summary>
    public const int SignatureBytes = 64;

    private const int MaximumDepth = 8; // the table's claims need 1; a claim that comes later may hold objects in objects

    /// <returns>Why the text is no token of the mesh; or null, and what it says and the <c>kid</c> of who says so.</returns>
    public static string? FindFault(string token, out string keyId, out TokenContent content)
    {
        (keyId, content) = ("", default);
        if (token.Length > MaximumLength)
        {
            return "too long";
        }

        Span<Range> parts = stackalloc Range[4];
        if (token.AsSpan().Split(parts, '.') != 3) // RFC 7515 §3.1: header, payload, signature
        {
            return "not three parts";
        }

        if (Decode(token.AsSpan(parts[0])) is not { } header || Decode(token.AsSpan(parts[1])) is not { } payload
            || Decode(token.AsSpan(parts[2])) is not { } signature)
        {
            return "not canonical base64url";
        }

        using var headerMembers = ReadObject(header);
        using var claims = ReadObject(payload);
        if (headerMembers is null || claims is null)
        {
            return "not two JSON objects without doubled members";
        }

        return FindHeaderFault(headerMembers.RootElement, out keyId) ?? TokenContent.FindFault(claims.RootElement, out content)
            ?? (signature.Length == SignatureBytes ? null : "not the length of a signature");
    }

    // Exactly three members: with that, no crit, b64, zip, jku, jwk, x5u or x5c can ask for anything (RFC 8725 §3.10).
    private static string? FindHeaderFault(JsonElement header, out string keyId)
    {
        keyId = Text(header, "kid") ?? "";
        return header.GetPropertyCount() == 3 && Text(header, "alg") == "ES256" && Text(header, "typ") == "at+jwt" && keyId.Length > 0
            ? null
            : "not the header alg ES256, typ at+jwt and kid"; // RFC 9068 §2.1
    }

    private static string? Text(JsonElement members, string name) =>
        members.TryGetProperty(name, out var value) ? AccessTokenClaim.ReadText(value) : null;

    /// <summary>Decodes what has one form only: no padding, no white space, no bits left over (RFC 4648 §3.5).</summary>
    private static byte[]? Decode(ReadOnlySpan<char> part)
    {
        if (part.Length == 0 || part.Length % 4 == 1)
        {
            return null;
        }

        // The decoder refuses bits left over, which would give one token many spellings. It passes over white space and padding: then it
        // writes less than so many characters stand for.
        var bytes = new byte[Base64Url.GetMaxDecodedLength(part.Length)];
        return Base64Url.DecodeFromChars(part, bytes, out _, out var written) == OperationStatus.Done
            && written == bytes.Length ? bytes : null;
    }

    private static JsonDocument? ReadObject(byte[] json)
    {
        if (!Utf8.IsValid(json)) // the reader looks at what it unescapes only
        {
            return null;
        }

        try
        {
            var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = MaximumDepth });
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return document;
            }

            document.Dispose();
            return null;
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }
}
