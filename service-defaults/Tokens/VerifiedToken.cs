using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tokens;

/// <summary>
/// The claims of a token and the key that signed it. Neither changes, so requests can share a cached instance. Whether the token is still
/// valid does change, and is not stored here. It keeps neither the token's text nor its JSON, because a cache may hold many.
/// </summary>
internal sealed class VerifiedToken : SecurityToken
{
    private TokenContent content; // never changed; it is not readonly so that it can be passed by reference

    /// <param name="content">The claims. Their issuer is the mesh.</param>
    /// <param name="key">The key that signed it.</param>
    /// <param name="mesh">Its strings, and those of <see cref="Roles"/>, are shared by all tokens.</param>
    public VerifiedToken(TokenContent content, ECDsaSecurityKey key, AuthMeshOptions mesh)
    {
        this.content = content with
        {
            Issuer = mesh.Issuer,
            Audience = content.Audience == mesh.Audience ? mesh.Audience : content.Audience,
            ClientId = content.ClientId == mesh.Audience ? mesh.Audience : content.ClientId,
            Role = content.Role switch { Roles.User => Roles.User, Roles.Admin => Roles.Admin, var another => another },
        };
        Key = key;
    }

    public ECDsaSecurityKey Key { get; }

    public Guid Subject => content.Subject!.Value;

    public Guid SessionId => content.SessionId!.Value;

    public long Epoch => content.Epoch!.Value;

    /// <summary>Not necessarily that of the endpoint at hand: another one may have cached the token.</summary>
    public string Audience => content.Audience!;

    public string ClientId => content.ClientId!;

    /// <summary>The application that got the token for a user; null if none did.</summary>
    public string? Application => content.ClientEpoch is null ? null : content.ClientId;

    /// <summary>0 unless <see cref="Application"/> is set.</summary>
    public long ClientEpoch => content.ClientEpoch ?? 0;

    /// <summary>Null in the token of an application.</summary>
    public string? Username => content.Username;

    /// <summary>Whether an application calls in its own name, for no user.</summary>
    public bool IsOfApplication => content.Username is null;

    /// <summary>Null if the token is limited.</summary>
    public string? Role => content.Role;

    /// <summary>The scopes of a key or an application; null for the token of a sign-in.</summary>
    public string[]? Scopes => content.Scopes;

    /// <summary>Whether the token opens only endpoints that name one of its scopes.</summary>
    public bool IsLimited => content.Role is null;

    /// <summary>In seconds since 1970.</summary>
    public long? AuthenticatedAt => content.AuthenticatedAt;

    public string? Assurance => content.Assurance;

    public override string Id => content.Id!;

    public override string Issuer => content.Issuer!;

    public override SecurityKey SecurityKey => Key;

    public override SecurityKey SigningKey
    {
        get => Key;
        set => throw new NotSupportedException("A verified token is shared and does not change.");
    }

    /// <summary>The later of <c>iat</c> and <c>nbf</c>.</summary>
    public override DateTime ValidFrom => DateTime.UnixEpoch.AddSeconds(Math.Max(content.IssuedAt!.Value, content.NotBefore ?? 0));

    public override DateTime ValidTo => DateTime.UnixEpoch.AddSeconds(content.ExpiresAt!.Value);

    /// <summary>The token by which the caller of this request was authenticated; null without one.</summary>
    public static VerifiedToken? Of(HttpContext context) => context.Features.Get<VerifiedToken>();

    /// <summary>Makes this the token of the request.</summary>
    public void SetFor(HttpContext context) => context.Features.Set(this);

    /// <summary>Creates a new identity for each request, because its handlers may add to it.</summary>
    public ClaimsIdentity CreateIdentity()
    {
        // Named by the subject: a username can go to another user, the subject cannot.
        var identity = new CaseSensitiveClaimsIdentity(
            JwtBearerDefaults.AuthenticationScheme, AccessTokenClaims.Subject, AccessTokenClaims.Role);
        foreach (var claim in AccessTokenClaims.Table)
        {
            claim.AddTo(identity, Issuer, ref content);
        }

        foreach (var other in content.Others)
        {
            identity.AddClaim(new Claim(other.Name, other.Value, other.ValueType, Issuer, Issuer, identity));
        }

        return identity;
    }
}
