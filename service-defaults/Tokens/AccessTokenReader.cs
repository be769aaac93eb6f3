using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tokens;

/// <summary>Reads an access token for somebody who needs to know whom it was made out to, not whether it still opens anything.</summary>
public sealed class AccessTokenReader
{
    private readonly AccessTokenHandler handler;
    private readonly IOptionsMonitor<JwtBearerOptions> bearer;

    internal AccessTokenReader(AccessTokenHandler handler, IOptionsMonitor<JwtBearerOptions> bearer) =>
        (this.handler, this.bearer) = (handler, bearer);

    /// <summary>Checks form, key, signature, issuer and audience, and neither expiry nor revocation.</summary>
    /// <param name="token">Any text.</param>
    /// <returns>What the token says, or null where it is none of the issuer's.</returns>
    public async Task<ClaimsPrincipal?> ReadIgnoringExpiryAsync(string token)
    {
        var parameters = bearer.Get(JwtBearerDefaults.AuthenticationScheme).TokenValidationParameters;
        var (verified, _) = await handler.VerifyAsync(token, parameters);
        return verified is null ? null : new ClaimsPrincipal(verified.CreateIdentity(parameters));
    }
}
