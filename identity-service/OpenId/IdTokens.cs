using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Tokens;
using AuthMesh.Keys;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Identity.OpenId;

/// <summary>What an id_token says, whose signature is ours.</summary>
/// <param name="ClientId">The application that got it.</param>
internal sealed record IdTokenHint(Guid UserId, string ClientId, Guid? SessionId);

/// <summary>
/// Mints and reads id_tokens (OpenID Connect Core 1.0 §2). They tell an application who signed in. No service takes them for access
/// tokens, because those have another <c>typ</c>.
/// </summary>
internal sealed class IdTokens(KeyRing ring, IVerificationKeys keys, IOptions<AuthMeshOptions> mesh)
{
    private const string Type = "JWT";

    private static readonly JsonWebTokenHandler Handler = new() { SetDefaultTimesOnTokenCreation = false, MapInboundClaims = false };

    /// <param name="session">The application's session, with the scope <see cref="StandardScope.OpenId"/>.</param>
    /// <param name="accessToken">The token that comes with it. It also expires when that does.</param>
    /// <param name="nonce">What the application sent, or null.</param>
    public string Mint(ApplicationsSession session, AccessToken accessToken, string? nonce)
    {
        var token = session.ForToken;
        var claims = new Dictionary<string, object>
        {
            ["iss"] = mesh.Value.Issuer,
            ["sub"] = token.UserId.ToString(),
            ["aud"] = session.Grant.ClientId,
            ["sid"] = token.SessionId.ToString(),
            ["iat"] = token.IssuedAt.ToUnixTimeSeconds(),
            ["exp"] = (token.IssuedAt + accessToken.Lifetime).ToUnixTimeSeconds(),
            ["at_hash"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(accessToken.Value)).AsSpan(0, 16)), // §3.1.3.6
        };
        if (nonce is not null)
        {
            claims["nonce"] = nonce;
        }

        if (token.Proof is { } proof)
        {
            claims["auth_time"] = proof.At.ToUnixTimeSeconds();
            claims["acr"] = proof.Assurance;
            claims["amr"] = proof.Methods;
        }

        var (username, email) = UserClaims.Of(session.Grant.Scopes, token.PreferredUsername, token.Email);
        if (username is not null)
        {
            claims["preferred_username"] = username;
        }

        if (email is not null)
        {
            claims["email"] = email;
            claims["email_verified"] = true; // no other address is shown
        }

        return Handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = Type, SigningCredentials = ring.SigningCredentials, Claims = claims,
        });
    }

    /// <summary>
    /// Reads an <c>id_token_hint</c>. It may have expired, because it proves nothing: it only names a session (OpenID Connect RP-Initiated
    /// Logout 1.0 §4).
    /// </summary>
    /// <returns>What it says; null unless a key that verifiers still trust signed it.</returns>
    public async Task<IdTokenHint?> ReadAsync(string text)
    {
        if (FindKeyId(text) is not { } keyId || (await keys.FindAsync(keyId, CancellationToken.None)).Key is not { } key)
        {
            return null;
        }

        var result = await Handler.ValidateTokenAsync(text, new TokenValidationParameters
        {
            ValidIssuer = mesh.Value.Issuer,
            ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
            ValidTypes = [Type],
            IssuerSigningKey = key,
            ValidateAudience = false, // any application's
            ValidateLifetime = false,
        });
        return result.IsValid && result.SecurityToken is JsonWebToken token && Guid.TryParse(token.Subject, out var userId)
            && token.Audiences.SingleOrDefault() is { } clientId
                ? new IdTokenHint(
                    userId, clientId, token.TryGetPayloadValue<string>("sid", out var sid) && Guid.TryParse(sid, out var id) ? id : null)
                : null;
    }

    // Anybody writes hints, and JsonWebToken throws several exceptions for what is no JWT.
    private static string? FindKeyId(string text)
    {
        if (text.Split('.') is not [var header, _, _] || TokenShape.Decode(header) is not { } json)
        {
            return null;
        }

        using var members = TokenShape.ReadObject(json);
        return members is not null && members.RootElement.TryGetProperty("kid", out var keyId) ? AccessTokenClaim.ReadText(keyId) : null;
    }
}

/// <summary>What the scopes open about a user (OpenID Connect Core 1.0 §5.4).</summary>
internal static class UserClaims
{
    public static (string? Username, string? Email) Of(string[] scopes, string username, string? email) => (
        scopes.Contains(StandardScope.Profile) ? username : null, scopes.Contains(StandardScope.Email) ? email : null);
}
