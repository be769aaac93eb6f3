using System.Globalization;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tokens;

/// <summary>
/// The claims of one token: a field for each row of <see cref="AccessTokenClaims.Table"/>, null if the token lacks the claim. The form
/// check has ensured that the required ones are present. Only the signature proves that the issuer wrote them.
/// </summary>
internal struct TokenContent
{
    public string? Issuer, Audience, ClientId, Id, Username, Role, Assurance, Email, Scope;
    public Guid? Subject, SessionId;
    public long? Epoch, ClientEpoch, IssuedAt, ExpiresAt, NotBefore, AuthenticatedAt;
    public bool? IsEmailVerified;
    public string[]? Methods;

    /// <summary>The words of <see cref="Scope"/>; null without it.</summary>
    public string[]? Scopes;

    /// <summary>Claims that the table does not list, mostly those of a newer issuer.</summary>
    public OtherClaim[] Others;

    /// <summary>Reads every claim once.</summary>
    /// <returns>Why these are not the claims of a mesh token, or null.</returns>
    public static string? FindFault(JsonElement claims, out TokenContent content)
    {
        content = new TokenContent { Others = [] };
        List<OtherClaim>? others = null;
        var next = 0; // the next row in a token of our issuer
        foreach (var member in claims.EnumerateObject())
        {
            if (Find(member, ref next) is { } claim)
            {
                if (!claim.TryRead(member.Value, ref content))
                {
                    return Fault(claim);
                }
            }
            else if (!OtherClaim.TryRead(member, others ??= []))
            {
                return "claims that cannot be read";
            }
        }

        foreach (var claim in AccessTokenClaims.Table)
        {
            if (claim.IsRequired && !claim.IsIn(ref content))
            {
                return Fault(claim);
            }
        }

        content.Others = others?.ToArray() ?? [];
        return content.FindCallerFault();
    }

    /// <summary>Returns the claims for a JSON writer, in the order of the table.</summary>
    /// <exception cref="InvalidOperationException">A required claim has no value.</exception>
    public Dictionary<string, object> Write()
    {
        if (FindCallerFault() is { } fault)
        {
            throw new InvalidOperationException("A token cannot be written: " + fault);
        }

        var written = new Dictionary<string, object>(AccessTokenClaims.Table.Length);
        foreach (var claim in AccessTokenClaims.Table)
        {
            if (claim.Write(ref this) is { } value)
            {
                written.Add(claim.Name, value);
            }
            else if (claim.IsRequired)
            {
                throw new InvalidOperationException($"A token needs the claim {claim.Name}.");
            }
        }

        return written;
    }

    /// <summary>
    /// The token of a user has a name. It has a role unless scopes limit it. The token of an application has scopes and nothing that only a
    /// user has. Verifiers that do not know scopes demand a role, and those that do not know applications demand a name, so they refuse
    /// what they would not limit.
    /// </summary>
    private string? FindCallerFault()
    {
        if (Scope is not null && (Scopes = Access.Scopes.TryRead(Scope)) is null)
        {
            return "no list of scopes in claim scope";
        }

        var isMesh = Scopes?.Contains(Access.Scopes.Mesh);
        return Username is null && isMesh is null ? "no text in claim preferred_username"
            : Username is null ? isMesh is true || HasOfUser ? "claims of a user without preferred_username" : null
            : isMesh is null ? Role is null ? "no text in claim role" : null
            : isMesh == (Role is not null) ? null
            : "a role without the scope mesh, or the scope mesh without a role";
    }

    private readonly bool HasOfUser =>
        Role is not null || Email is not null || IsEmailVerified is not null || AuthenticatedAt is not null || Assurance is not null
        || Methods is not null;

    private static AccessTokenClaim? Find(JsonProperty member, ref int next)
    {
        var table = AccessTokenClaims.Table;
        for (var i = 0; i < table.Length; i++)
        {
            var at = (next + i) % table.Length;
            if (member.NameEquals(table[at].Utf8Name))
            {
                next = at + 1;
                return table[at];
            }
        }

        return null;
    }

    private static string Fault(AccessTokenClaim claim) => claim.Kind switch
    {
        ClaimKind.Text => "no text in claim ",
        ClaimKind.Id => "no id in claim ",
        ClaimKind.Instant => "no whole number of seconds in claim ",
        ClaimKind.Texts => "no list of texts in claim ",
        ClaimKind.Flag => "neither true nor false in claim ",
        _ => "no whole number in claim ",
    } + claim.Name;
}

/// <summary>A claim that the table does not list, in the form in which the JWT library shows it to services.</summary>
internal readonly record struct OtherClaim(string Name, string Value, string ValueType)
{
    /// <summary>Adds the claim, or one for each element of an array.</summary>
    /// <returns>False for invalid text: a lone surrogate.</returns>
    public static bool TryRead(JsonProperty member, List<OtherClaim> claims)
    {
        try
        {
            var (name, value) = (member.Name, member.Value);
            if (value.ValueKind == JsonValueKind.Array)
            {
                foreach (var element in value.EnumerateArray())
                {
                    claims.Add(Read(name, element));
                }
            }
            else
            {
                claims.Add(Read(name, value));
            }

            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static OtherClaim Read(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => new(name, value.GetString()!, ClaimValueTypes.String),
        JsonValueKind.True => new(name, "true", ClaimValueTypes.Boolean),
        JsonValueKind.False => new(name, "false", ClaimValueTypes.Boolean),
        JsonValueKind.Null => new(name, "", JsonClaimValueTypes.JsonNull),
        JsonValueKind.Object => new(name, value.GetRawText(), JsonClaimValueTypes.Json),
        JsonValueKind.Array => new(name, value.GetRawText(), JsonClaimValueTypes.JsonArray),
        _ when value.TryGetInt32(out var number) => new(name, number.ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer32),
        _ when value.TryGetInt64(out var number) => new(name, number.ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer64),
        _ => new(name, value.GetDouble().ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Double),
    };
}
