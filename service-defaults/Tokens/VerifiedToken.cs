using System.Globalization;
using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Settings;
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

    private readonly string audience;
    private readonly string clientId;
    private readonly string username;
    private readonly string role;
    private readonly DateTime issuedAt;
    private readonly Claim[] otherClaims; // none that our issuer writes

    /// <param name="token">Has the form that <see cref="TokenShape"/> demands, and a signature that was found good.</param>
    /// <param name="key">The key that made it.</param>
    /// <param name="mesh">Whose texts are shared by all tokens that carry them.</param>
    public VerifiedToken(JsonWebToken token, ECDsaSecurityKey key, AuthMeshOptions mesh)
    {
        string Text(string claim) => Share(token.GetPayloadValue<string>(claim), mesh);

        Key = key;
        Id = token.Id;
        Issuer = Text("iss");
        audience = Text("aud");
        clientId = Text("client_id");
        username = Text(AccessTokenClaims.PreferredUsername);
        role = Text(AccessTokenClaims.Role);
        UserId = Guid.Parse(token.Subject);
        SessionId = Guid.Parse(Text(AccessTokenClaims.SessionId));
        Epoch = token.GetPayloadValue<long>(AccessTokenClaims.Epoch);
        issuedAt = token.IssuedAt;
        ValidFrom = token.ValidFrom > issuedAt ? token.ValidFrom : issuedAt; // nbf where there is one, else the least of instants
        ValidTo = token.ValidTo;
        otherClaims = [.. token.Claims.Where(claim => !OurClaims.Contains(claim.Type)).Select(claim => claim.Clone())];
    }

    public ECDsaSecurityKey Key { get; }

    public Guid UserId { get; }

    public Guid SessionId { get; }

    public long Epoch { get; }

    public override string Id { get; }

    public override string Issuer { get; }

    public override SecurityKey SecurityKey => Key;

    public override SecurityKey SigningKey
    {
        get => Key;
        set => throw new NotSupportedException("A verified token is shared and does not change.");
    }

    /// <summary>The later one of <c>iat</c> and <c>nbf</c>.</summary>
    public override DateTime ValidFrom { get; }

    public override DateTime ValidTo { get; }

    /// <summary>A new one each time: whoever handles a request may add to it.</summary>
    public ClaimsIdentity CreateIdentity(TokenValidationParameters parameters)
    {
        var identity = new CaseSensitiveClaimsIdentity(parameters.AuthenticationType, parameters.NameClaimType, parameters.RoleClaimType);
        void Add(string type, string value, string valueType = ClaimValueTypes.String) =>
            identity.AddClaim(new Claim(type, value, valueType, Issuer, Issuer, identity)); // without its identity it would be copied
        void AddInstant(string type, DateTime value) =>
            Add(type, EpochTime.GetIntDate(value).ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer64);

        Add("iss", Issuer);
        Add("aud", audience);
        Add(AccessTokenClaims.Subject, UserId.ToString());
        Add("client_id", clientId);
        Add("jti", Id);
        Add(AccessTokenClaims.SessionId, SessionId.ToString());
        Add(
            AccessTokenClaims.Epoch, Epoch.ToString(CultureInfo.InvariantCulture),
            Epoch <= int.MaxValue ? ClaimValueTypes.Integer32 : ClaimValueTypes.Integer64);
        AddInstant("iat", issuedAt);
        AddInstant("exp", ValidTo);
        Add(AccessTokenClaims.PreferredUsername, username);
        Add(AccessTokenClaims.Role, role);
        identity.AddClaims(otherClaims);
        return identity;
    }

    /// <summary>One object for a text that nearly every token carries.</summary>
    private static string Share(string text, AuthMeshOptions mesh) => text switch
    {
        Roles.User => Roles.User,
        Roles.Admin => Roles.Admin,
        _ when text == mesh.Issuer => mesh.Issuer,
        _ when text == mesh.Audience => mesh.Audience, // and the client id, unless somebody set it
        _ => text,
    };
}
