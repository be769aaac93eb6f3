using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace AuthMesh.Tokens;

/// <summary>
/// Accepts only the exact form in which the mesh's issuer writes access tokens. General JWT libraries accept much that the issuer never
/// writes (any header member, duplicate claims, numbers as strings, padding). Each such freedom has been a vulnerability somewhere, and
/// nobody needs it here. The text is parsed only once, so the claims that services see are the ones checked here.
/// </summary>
internal static class TokenShape
{
    /// <summary>In characters. Our tokens have about 700. A longer text is not even decoded.</summary>
    public const int MaximumLength = 8 * 1024;

    /// <summary>ES256 (RFC 7518 §3.4): two numbers of 32 bytes each.</summary>
    public const int SignatureBytes = 64;

    private const int MaximumDepth = 8; // the table's claims need 1; a later claim may hold nested objects

    /// <returns>Why the text is not a token of the mesh. If null, the claims and the <c>kid</c> that the text names are set.</returns>
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
            return "not two JSON objects without duplicate members";
        }

        return FindHeaderFault(headerMembers.RootElement, out keyId) ?? TokenContent.FindFault(claims.RootElement, out content)
            ?? (signature.Length == SignatureBytes ? null : "not a signature of 64 bytes");
    }

    // Exactly three members, so crit, b64, zip, jku, jwk, x5u and x5c cannot occur (RFC 8725 §3.10).
    private static string? FindHeaderFault(JsonElement header, out string keyId)
    {
        keyId = Text(header, "kid") ?? "";
        return header.GetPropertyCount() == 3 && Text(header, "alg") == "ES256" && Text(header, "typ") == "at+jwt" && keyId.Length > 0
            ? null
            : "not exactly the header alg ES256, typ at+jwt and kid"; // RFC 9068 §2.1
    }

    private static string? Text(JsonElement members, string name) =>
        members.TryGetProperty(name, out var value) ? AccessTokenClaim.ReadText(value) : null;

    /// <summary>Decodes canonical base64url only: no padding, no white space, no leftover bits (RFC 4648 §3.5).</summary>
    internal static byte[]? Decode(ReadOnlySpan<char> part)
    {
        if (part.Length == 0 || part.Length % 4 == 1)
        {
            return null;
        }

        // The decoder refuses leftover bits, which would give one token many spellings. It skips white space and padding, and then writes
        // fewer bytes than the length stands for.
        var bytes = new byte[Base64Url.GetMaxDecodedLength(part.Length)];
        return Base64Url.DecodeFromChars(part, bytes, out _, out var written) == OperationStatus.Done
            && written == bytes.Length ? bytes : null;
    }

    /// <summary>Reads a JSON object in UTF-8 that has no member twice.</summary>
    internal static JsonDocument? ReadObject(byte[] json)
    {
        if (!Utf8.IsValid(json)) // the reader checks only the text that it unescapes
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
