using AuthMesh.Identity.Keys;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Identity.OpenId.BackchannelLogout;

/// <summary>
/// Mints logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4). Their <c>typ</c> keeps them apart from id_tokens and access tokens,
/// and they have no <c>nonce</c>, so that nothing takes them for an id_token.
/// </summary>
internal sealed class LogoutTokens(KeyRing ring, IOptions<AuthMeshOptions> mesh, TimeProvider clock)
{
    public const string Type = "logout+jwt", Event = "http://schemas.openid.net/event/backchannel-logout";

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(2); // §2.4: the less, the better

    private static readonly JsonWebTokenHandler Handler = new() { SetDefaultTimesOnTokenCreation = false };

    /// <summary>Whether tokens can be minted now.</summary>
    public bool CanMint => ring.CanSign;

    public string Mint(LeasedLogout logout)
    {
        var now = clock.GetUtcNow();
        return Handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = Type,
            SigningCredentials = ring.SigningCredentials,
            Claims = new Dictionary<string, object>
            {
                ["iss"] = mesh.Value.Issuer,
                ["sub"] = logout.UserId.ToString(),
                ["aud"] = logout.ClientId,
                ["iat"] = now.ToUnixTimeSeconds(),
                ["exp"] = (now + Lifetime).ToUnixTimeSeconds(),
                ["jti"] = logout.Id.ToString(),
                ["sid"] = logout.SessionId.ToString(),
                ["events"] = new Dictionary<string, object> { [Event] = new Dictionary<string, object>() },
            },
        });
    }
}
