using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace AuthMesh.Tokens;

/// <summary>
/// Whether a text has exactly the form in which the mesh's issuer writes access tokens. General JWT libraries accept much that
/// the issuer never writes (any header member, doubled claims, numbers as strings, padding); each such freedom has been somebody's
/// hole, and nobody needs it here. The signature and the values are checked afterwards.
/// </summary>
internal static class TokenShape
{
    /// <summary>In characters. Ours have about 700; what is longer is not even decoded.</summary>
    public const int MaximumLength = 8 * 1024;

    private const long LastUnixSecond = 253_402_300_799; // the end of the year 9999, where DateTime ends too

    private static readonly string[] Texts = ["iss", "aud", "client_id", "jti", "preferred_username", "role"];
    private static readonly string[] Ids = ["sub", "sid"];
    private static readonly string[] Instants = ["exp", "iat"];
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly SearchValues<char> Base64UrlAlphabet =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    /// <returns>Why the text is no token of the mesh, or null and the token's <c>kid</c> where it has the form of one.</returns>
    public static string? FindFault(string token, out string keyId)
    {
        keyId = "";
        if (token.Length > MaximumLength)
        {
            return "too long";
        }

        var parts = token.Split('.');
        if (parts.Length != 3) // RFC 7515 §3.1: header, payload, signature
        {
            return "not three parts";
        }

        if (Decode(parts[0]) is not { } header || Decode(parts[1]) is not { } payload || Decode(parts[2]) is null)
        {
            return "not canonical base64url";
        }

        using var headerMembers = ReadObject(header);
        using var claims = ReadObject(payload);
        if (headerMembers is null || claims is null)
        {
            return "not two JSON objects without doubled members";
        }

        return FindHeaderFault(headerMembers.RootElement, out keyId) ?? FindClaimFault(claims.RootElement);
    }

    // Exactly three members: with that, no crit, b64, zip, jku, jwk, x5u or x5c can ask for anything (RFC 8725 §3.10).
    private static string? FindHeaderFault(JsonElement header, out string keyId)
    {
        keyId = Text(header, "kid") ?? "";
        return header.GetPropertyCount() == 3 && Text(header, "alg") == "ES256" && Text(header, "typ") == "at+jwt" && keyId.Length > 0
            ? null
            : "not the header alg ES256, typ at+jwt and kid"; // RFC 9068 §2.1
    }

    private static string? FindClaimFault(JsonElement claims)
    {
        foreach (var name in Texts)
        {
            if (string.IsNullOrEmpty(Text(claims, name)))
            {
                return "no text in claim " + name;
            }
        }

        foreach (var name in Ids)
        {
            var text = Text(claims, name);
            if (!Guid.TryParse(text, out var id) || id.ToString() != text) // one spelling, as everywhere
            {
                return "no id in claim " + name;
            }
        }

        foreach (var name in Instants)
        {
            if (Whole(claims, name) is not (>= 0 and <= LastUnixSecond))
            {
                return "no whole number of seconds in claim " + name;
            }
        }

        if (claims.TryGetProperty("nbf", out _) && Whole(claims, "nbf") is not (>= 0 and <= LastUnixSecond)) // ours have none
        {
            return "no whole number of seconds in claim nbf";
        }

        return Whole(claims, "epoch") is >= 0 ? null : "no whole number in claim epoch";
    }

    private static string? Text(JsonElement members, string name)
    {
        try
        {
            return members.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException) // a lone surrogate, which only shows when the text is unescaped
        {
            return null;
        }
    }

    private static long? Whole(JsonElement members, string name) =>
        members.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    /// <summary>Decodes what has one form only: no padding, no white space, no bits left over (RFC 4648 §3.5).</summary>
    private static byte[]? Decode(string part)
    {
        if (part.Length == 0 || part.Length % 4 == 1 || part.AsSpan().ContainsAnyExcept(Base64UrlAlphabet))
        {
            return null;
        }

        try
        {
            return Base64Url.DecodeFromChars(part);
        }
        catch (FormatException) // bits left over, which would give one token many spellings
        {
            return null;
        }
    }

    private static JsonDocument? ReadObject(byte[] json)
    {
        try
        {
            _ = StrictUtf8.GetCharCount(json);
            var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 4 });
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
