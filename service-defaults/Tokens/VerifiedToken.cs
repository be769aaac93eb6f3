using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tokens;

/// <summary>
/// What a token says and which key signed it: that does not change, so it can be remembered and shared by requests. Whether the token
/// is still good does change, and is not in here. Small, for there may be many: neither the token's text nor its JSON is kept.
/// </summary>
internal sealed class VerifiedToken : SecurityToken
{
    private TokenContent content; // not changed; a field is passed by reference only where it could be

    /// <param name="content">What it says; its issuer and audience are the mesh's.</param>
    /// <param name="key">The key that signed it.</param>
    /// <param name="mesh">Its texts are shared by all tokens, and so are the roles'.</param>
    public VerifiedToken(TokenContent content, ECDsaSecurityKey key, AuthMeshOptions mesh)
    {
        this.content = content with
        {
            Issuer = mesh.Issuer,
            Audience = mesh.Audience,
            ClientId = content.ClientId == mesh.Audience ? mesh.Audience : content.ClientId,
            Role = content.Role switch { Roles.User => Roles.User, Roles.Admin => Roles.Admin, var another => another },
        };
        Key = key;
    }

    public ECDsaSecurityKey Key { get; }

    public Guid Subject => content.Subject!.Value;

    public Guid SessionId => content.SessionId!.Value;

    public long Epoch => content.Epoch!.Value;

    public override string Id => content.Id!;

    public override string Issuer => content.Issuer!;

    public override SecurityKey SecurityKey => Key;

    public override SecurityKey SigningKey
    {
        get => Key;
        set => throw new NotSupportedException("A verified token is shared and does not change.");
    }

    /// <summary>The later one of <c>iat</c> and <c>nbf</c>.</summary>
    public override DateTime ValidFrom => DateTime.UnixEpoch.AddSeconds(Math.Max(content.IssuedAt!.Value, content.NotBefore ?? 0));

    public override DateTime ValidTo => DateTime.UnixEpoch.AddSeconds(content.ExpiresAt!.Value);

    /// <summary>A new one each time: handlers of a request may add to it.</summary>
    public ClaimsIdentity CreateIdentity()
    {
        // A name can change hands; the subject cannot.
        var identity = new CaseSensitiveClaimsIdentity(
            JwtBearerDefaults.AuthenticationScheme, AccessTokenClaims.Subject, AccessTokenClaims.Role);
        void Add(string name, string text, string type) =>
            identity.AddClaim(new Claim(name, text, type, Issuer, Issuer, identity)); // without its identity it would be copied

        foreach (var claim in AccessTokenClaims.Table)
        {
            if (claim.Show(ref content) is var (text, type))
            {
                Add(claim.Name, text, type);
            }
        }

        foreach (var other in content.Others)
        {
            Add(other.Name, other.Value, other.ValueType);
        }

        return identity;
    }
}
