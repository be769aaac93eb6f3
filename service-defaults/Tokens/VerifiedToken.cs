using System.Globalization;
using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tokens;

/// <summary>
/// What a token says and which key signed it: that does not change, so it can be remembered and shared by requests. Whether the token
/// is still good does change, and is not in here. Small, for there may be many: neither the token's text nor its JSON is kept.
/// </summary>
internal sealed class VerifiedToken : SecurityToken
{
    private static readonly string[] OurClaims =
    [
        "iss", "aud", AccessTokenClaims.Subject, "client_id", "jti", AccessTokenClaims.SessionId, AccessTokenClaims.Epoch, "iat", "exp",
        AccessTokenClaims.PreferredUsername, AccessTokenClaims.Role,
    ];

    private readonly TokenContent content;
    private readonly Claim[] otherClaims;

    /// <param name="text">The token.</param>
    /// <param name="content">What it says; its issuer and audience are the mesh's.</param>
    /// <param name="key">The key that signed it.</param>
    /// <param name="mesh">Whose texts are shared by all tokens.</param>
    public VerifiedToken(string text, TokenContent content, ECDsaSecurityKey key, AuthMeshOptions mesh)
    {
        this.content = content with
        {
            Issuer = mesh.Issuer,
            Audience = mesh.Audience,
            ClientId = content.ClientId == mesh.Audience ? mesh.Audience : content.ClientId,
            Role = content.Role switch { Roles.User => Roles.User, Roles.Admin => Roles.Admin, var another => another },
        };
        Key = key;
        // Whatever else it may say, a service can use as the library reads it.
        otherClaims = content.HasOthers
            ? [.. new JsonWebToken(text).Claims.Where(claim => !OurClaims.Contains(claim.Type)).Select(claim => claim.Clone())]
            : [];
    }

    public ECDsaSecurityKey Key { get; }

    public Guid UserId => content.UserId;

    public Guid SessionId => content.SessionId;

    public long Epoch => content.Epoch;

    public override string Id => content.Id;

    public override string Issuer => content.Issuer;

    public override SecurityKey SecurityKey => Key;

    public override SecurityKey SigningKey
    {
        get => Key;
        set => throw new NotSupportedException("A verified token is shared and does not change.");
    }

    /// <summary>The later one of <c>iat</c> and <c>nbf</c>.</summary>
    public override DateTime ValidFrom => DateTime.UnixEpoch.AddSeconds(Math.Max(content.IssuedAt, content.NotBefore ?? 0));

    public override DateTime ValidTo => DateTime.UnixEpoch.AddSeconds(content.ExpiresAt);

    /// <summary>A new one each time: whoever handles a request may add to it.</summary>
    public ClaimsIdentity CreateIdentity()
    {
        // A name can change hands; the subject cannot.
        var identity = new CaseSensitiveClaimsIdentity(JwtBearerDefaults.AuthenticationScheme, AccessTokenClaims.Subject, AccessTokenClaims.Role);
        void Add(string type, string value, string valueType = ClaimValueTypes.String) =>
            identity.AddClaim(new Claim(type, value, valueType, Issuer, Issuer, identity)); // without its identity it would be copied
        void AddNumber(string type, long value, string valueType = ClaimValueTypes.Integer64) =>
            Add(type, value.ToString(CultureInfo.InvariantCulture), valueType);

        Add("iss", content.Issuer);
        Add("aud", content.Audience);
        Add(AccessTokenClaims.Subject, UserId.ToString());
        Add("client_id", content.ClientId);
        Add("jti", content.Id);
        Add(AccessTokenClaims.SessionId, SessionId.ToString());
        AddNumber(AccessTokenClaims.Epoch, Epoch, Epoch <= int.MaxValue ? ClaimValueTypes.Integer32 : ClaimValueTypes.Integer64);
        AddNumber("iat", content.IssuedAt);
        AddNumber("exp", content.ExpiresAt);
        Add(AccessTokenClaims.PreferredUsername, content.Username);
        Add(AccessTokenClaims.Role, content.Role);
        identity.AddClaims(otherClaims);
        return identity;
    }
}
