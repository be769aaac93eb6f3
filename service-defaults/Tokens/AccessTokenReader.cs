using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Tokens;

/// <summary>Reads an access token for somebody who needs to know whom it was made out to, not whether it still opens anything.</summary>
public sealed class AccessTokenReader
{
    private readonly AccessTokenHandler handler;

    internal AccessTokenReader(AccessTokenHandler handler) => this.handler = handler;

    /// <summary>Checks form, key, signature, issuer and audience, and neither expiry nor revocation.</summary>
    /// <param name="token">Any text.</param>
    /// <returns>What the token says, or null where it is none of the issuer's.</returns>
    /// <exception cref="Exception">Whether it is cannot be told right now. Left alone, it becomes the answer, a 503.</exception>
    public async Task<ClaimsPrincipal?> ReadIgnoringExpiryAsync(string token)
    {
        var (verified, refusal) = await handler.VerifyAsync(token);
        if (refusal is { Failure.Status: StatusCodes.Status503ServiceUnavailable })
        {
            throw refusal;
        }

        return verified is null ? null : new ClaimsPrincipal(verified.CreateIdentity());
    }
}
