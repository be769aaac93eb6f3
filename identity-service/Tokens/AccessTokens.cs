using AuthMesh.Access;
using AuthMesh.Identity.Keys;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Identity.Tokens;

/// <summary>The section <c>Identity:Tokens</c>.</summary>
public sealed class TokenOptions
{
    /// <summary>How long an access token is valid: 1 minute to 1 hour.</summary>
    public TimeSpan AccessTokenLifetime { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>The <c>client_id</c> of tokens that no application got (RFC 9068 §2.2). No application may have this name.</summary>
    public string ClientId { get; set; } = "authmesh";

    internal void Check(SettingProblems problems)
    {
        problems.Unless(
            AccessTokenLifetime >= TimeSpan.FromMinutes(1) && AccessTokenLifetime <= AuthMesh.Tokens.AccessTokenLifetime.Longest,
            "Tokens:AccessTokenLifetime", "must be 00:01:00 to 01:00:00.");
        problems.Unless(!string.IsNullOrWhiteSpace(ClientId), "Tokens:ClientId", "must not be empty. Leave it out for \"authmesh\".");
    }
}

internal sealed record AccessToken(string Value, TimeSpan Lifetime);

/// <summary>The session that a token is minted for.</summary>
/// <param name="Email">The address that the user proved, or null.</param>
/// <param name="IssuedAt">The time, by our clock, at which the session was read.</param>
/// <param name="Remaining">How long the session still lives.</param>
/// <param name="Proof">How the user proved who they are; null for a key, which proves nothing.</param>
/// <param name="Scopes">What a key or an application may do; null for a sign-in.</param>
/// <param name="Application">The application that acts for the user; null if none does.</param>
/// <param name="Audience">The <c>aud</c> of the token; null for the mesh's own.</param>
internal sealed record TokenSession(
    Guid UserId, Guid SessionId, int Epoch, string Username, string? Email, string Role, DateTimeOffset IssuedAt, TimeSpan Remaining,
    SignInProof? Proof, string[]? Scopes = null, ApplicationGrant? Application = null, string? Audience = null)
{
    /// <summary>
    /// The name for the claim. Anybody may register the name <c>ceo@example.com</c>, and services would show it as that person's address.
    /// So a name with <c>@</c> appears only if it is the address that its owner proved.
    /// </summary>
    public string PreferredUsername =>
        !Username.Contains('@', StringComparison.Ordinal) || Username.Equals(Email, StringComparison.OrdinalIgnoreCase)
            ? Username : UserId.ToString();
}

/// <summary>What a user let an application do.</summary>
/// <param name="ClientEpoch">The application's epoch when its session began.</param>
/// <param name="Audience">The <c>aud</c> of the tokens; null for the mesh's own.</param>
internal sealed record ApplicationGrant(string ClientId, int ClientEpoch, string[] Scopes, string? Audience);

/// <summary>The session of an application in its own name.</summary>
/// <param name="IssuedAt">The time, by our clock, at which the session was read.</param>
/// <param name="Remaining">How long the session still lives.</param>
/// <param name="Scopes">What this token may do.</param>
/// <param name="Audience">The <c>aud</c> of the token; null for the mesh's own.</param>
internal sealed record ApplicationSession(
    Guid ApplicationId, string ClientId, Guid SessionId, DateTimeOffset IssuedAt, TimeSpan Remaining, string[] Scopes, string? Audience);

/// <summary>Mints access tokens: JWTs in the profile of RFC 9068 §2, signed with the ring's signing key.</summary>
internal sealed class AccessTokens(KeyRing ring, IOptions<AuthMeshOptions> mesh, IOptions<TokenOptions> options)
{
    // The claims below set iat and exp by our clock.
    private static readonly JsonWebTokenHandler Handler = new() { SetDefaultTimesOnTokenCreation = false };

    // An application asks again whenever it needs one, so its tokens need not last.
    private static readonly TimeSpan LongestForApplications = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Mints a token that never outlives its session, because an expired session gets no entry in the revocation log.
    /// </summary>
    public AccessToken Mint(TokenSession session) => Mint(
        new TokenContent
        {
            Subject = session.UserId,
            Audience = session.Audience,
            ClientId = session.Application?.ClientId ?? options.Value.ClientId,
            ClientEpoch = session.Application?.ClientEpoch,
            SessionId = session.SessionId,
            Epoch = session.Epoch,
            Username = session.PreferredUsername,
            Email = session.Email,
            IsEmailVerified = session.Email is null ? null : true,
            Role = session.Scopes?.Contains(Scopes.Mesh) is false ? null : session.Role,
            Scope = session.Scopes is null ? null : string.Join(' ', session.Scopes),
            AuthenticatedAt = session.Proof?.At.ToUnixTimeSeconds(),
            Assurance = session.Proof?.Assurance,
            Methods = session.Proof?.Methods is { Length: > 0 } methods ? methods : null,
        },
        session.IssuedAt, Shorter(session.Remaining, options.Value.AccessTokenLifetime));

    /// <summary>Mints the token of an application in its own name (RFC 9068 §2.2): it has no name, role or proof.</summary>
    public AccessToken Mint(ApplicationSession session) => Mint(
        new TokenContent
        {
            Subject = session.ApplicationId,
            Audience = session.Audience,
            ClientId = session.ClientId,
            SessionId = session.SessionId,
            Epoch = 0, // an application has no epoch: the end of its session ends its tokens
            Scope = string.Join(' ', session.Scopes),
        },
        session.IssuedAt, Shorter(session.Remaining, Shorter(LongestForApplications, options.Value.AccessTokenLifetime)));

    private AccessToken Mint(TokenContent content, DateTimeOffset issuedAt, TimeSpan lifetime)
    {
        content.Issuer = mesh.Value.Issuer;
        content.Audience ??= mesh.Value.Audience;
        content.Id = Guid.NewGuid().ToString("N");
        content.IssuedAt = issuedAt.ToUnixTimeSeconds();
        content.ExpiresAt = (issuedAt + lifetime).ToUnixTimeSeconds();
        var token = Handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = "at+jwt", SigningCredentials = ring.SigningCredentials, Claims = content.Write(),
        });
        return new AccessToken(token, lifetime);
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan another) => one < another ? one : another;
}
