using System.Globalization;
using System.Security.Claims;
using System.Text;
using System.Text.Json;

namespace AuthMesh.Tokens;

/// <summary>The form that a claim's value has in the token's JSON.</summary>
public enum ClaimKind
{
    /// <summary>A string that is not empty.</summary>
    Text,

    /// <summary>A string that holds a UUID in lower case, with hyphens.</summary>
    Id,

    /// <summary>A number: whole seconds since 1970 (NumericDate, RFC 7519 §2).</summary>
    Instant,

    /// <summary>A number: whole, 0 or more.</summary>
    Whole,

    /// <summary>An array of strings that are not empty, at least one and at most 16.</summary>
    Texts,

    /// <summary>True or false.</summary>
    Flag,
}

/// <summary>One row of <see cref="AccessTokenClaims.All"/>.</summary>
public abstract class AccessTokenClaim
{
    private protected AccessTokenClaim(string name, ClaimKind kind, bool isRequired, string? source) =>
        (Name, Kind, IsRequired, Source, Utf8Name) = (name, kind, isRequired, source, Encoding.UTF8.GetBytes(name));

    /// <summary>The name in the token.</summary>
    public string Name { get; }

    /// <summary>The form of the value. A token with any other form is refused.</summary>
    public ClaimKind Kind { get; }

    /// <summary>Whether a token without the claim is refused.</summary>
    public bool IsRequired { get; }

    /// <summary>Where the identity service takes the value from; null if it does not mint the claim.</summary>
    public string? Source { get; }

    internal byte[] Utf8Name { get; }

    /// <returns>Whether the value has the form of <see cref="Kind"/>; then <paramref name="content"/> holds it.</returns>
    internal abstract bool TryRead(JsonElement value, ref TokenContent content);

    internal abstract bool IsIn(ref TokenContent content);

    /// <summary>The value for a JSON writer; null if the claim is absent.</summary>
    internal abstract object? Write(ref TokenContent content);

    /// <summary>Adds the claim as services see it, one for each element of an array, unless it is absent.</summary>
    /// <param name="content">The token's claims.</param>
    /// <param name="identity">The caller.</param>
    /// <param name="issuer">The token's issuer.</param>
    internal abstract void AddTo(ClaimsIdentity identity, string issuer, ref TokenContent content);

    private protected void Add(ClaimsIdentity identity, string issuer, string text, string type = ClaimValueTypes.String) =>
        identity.AddClaim(new Claim(Name, text, type, issuer, issuer, identity)); // without its identity, AddClaim copies it

    internal static string? ReadText(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException) // a lone surrogate, which the reader detects only when it unescapes the text
        {
            return null;
        }
    }
}

/// <summary>Where <see cref="TokenContent"/> keeps the value of one claim.</summary>
internal delegate ref T? ClaimField<T>(ref TokenContent content);

internal sealed class TextClaim(string name, bool isRequired, string? source, ClaimField<string> field)
    : AccessTokenClaim(name, ClaimKind.Text, isRequired, source)
{
    internal override bool TryRead(JsonElement value, ref TokenContent content)
    {
        var text = ReadText(value);
        field(ref content) = text;
        return !string.IsNullOrEmpty(text);
    }

    internal override bool IsIn(ref TokenContent content) => field(ref content) is not null;

    internal override object? Write(ref TokenContent content) => field(ref content);

    internal override void AddTo(ClaimsIdentity identity, string issuer, ref TokenContent content)
    {
        if (field(ref content) is { } text)
        {
            Add(identity, issuer, text);
        }
    }
}

internal sealed class IdClaim(string name, bool isRequired, string? source, ClaimField<Guid?> field)
    : AccessTokenClaim(name, ClaimKind.Id, isRequired, source)
{
    internal override bool TryRead(JsonElement value, ref TokenContent content)
    {
        var text = ReadText(value);
        var isId = Guid.TryParseExact(text, "D", out var id) && id.ToString() == text; // one spelling only, as everywhere
        field(ref content) = id;
        return isId;
    }

    internal override bool IsIn(ref TokenContent content) => field(ref content) is not null;

    internal override object? Write(ref TokenContent content) => field(ref content)?.ToString();

    internal override void AddTo(ClaimsIdentity identity, string issuer, ref TokenContent content)
    {
        if (field(ref content) is { } id)
        {
            Add(identity, issuer, id.ToString());
        }
    }
}

// A wide number always has 64 bits for services, as the JWT library shows iat, nbf and exp.
internal sealed class NumberClaim(
    string name, bool isRequired, ClaimKind kind, string? source, ClaimField<long?> field, bool isWide = false)
    : AccessTokenClaim(name, kind, isRequired, source)
{
    private const long LastUnixSecond = 253_402_300_799; // the end of the year 9999, where DateTime ends too

    internal override bool TryRead(JsonElement value, ref TokenContent content)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt64(out var number))
        {
            return false;
        }

        field(ref content) = number;
        return number >= 0 && (Kind != ClaimKind.Instant || number <= LastUnixSecond);
    }

    internal override bool IsIn(ref TokenContent content) => field(ref content) is not null;

    internal override object? Write(ref TokenContent content) => field(ref content);

    internal override void AddTo(ClaimsIdentity identity, string issuer, ref TokenContent content)
    {
        if (field(ref content) is { } number)
        {
            Add(
                identity, issuer, number.ToString(CultureInfo.InvariantCulture),
                isWide || number > int.MaxValue ? ClaimValueTypes.Integer64 : ClaimValueTypes.Integer32);
        }
    }
}

internal sealed class TextsClaim(string name, bool isRequired, string? source, ClaimField<string[]> field)
    : AccessTokenClaim(name, ClaimKind.Texts, isRequired, source)
{
    private const int Most = 16; // far more than any issuer writes; each becomes an object for every request

    internal override bool TryRead(JsonElement value, ref TokenContent content)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() is 0 or > Most)
        {
            return false;
        }

        var texts = new string[value.GetArrayLength()];
        var next = 0;
        foreach (var element in value.EnumerateArray())
        {
            if (ReadText(element) is not { Length: > 0 } text)
            {
                return false;
            }

            texts[next++] = text;
        }

        field(ref content) = texts;
        return true;
    }

    internal override bool IsIn(ref TokenContent content) => field(ref content) is not null;

    internal override object? Write(ref TokenContent content) => field(ref content);

    internal override void AddTo(ClaimsIdentity identity, string issuer, ref TokenContent content)
    {
        foreach (var text in field(ref content) ?? [])
        {
            Add(identity, issuer, text);
        }
    }
}

internal sealed class FlagClaim(string name, bool isRequired, string? source, ClaimField<bool?> field)
    : AccessTokenClaim(name, ClaimKind.Flag, isRequired, source)
{
    internal override bool TryRead(JsonElement value, ref TokenContent content)
    {
        field(ref content) = value.ValueKind == JsonValueKind.True;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False;
    }

    internal override bool IsIn(ref TokenContent content) => field(ref content) is not null;

    internal override object? Write(ref TokenContent content) => field(ref content);

    internal override void AddTo(ClaimsIdentity identity, string issuer, ref TokenContent content)
    {
        if (field(ref content) is { } isTrue)
        {
            Add(identity, issuer, isTrue ? "true" : "false", ClaimValueTypes.Boolean);
        }
    }
}
