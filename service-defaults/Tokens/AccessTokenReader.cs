using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Tokens;

/// <summary>Reads an access token for callers that need to know its user, not whether it is still valid.</summary>
public sealed class AccessTokenReader
{
    private readonly AccessTokenHandler handler;

    internal AccessTokenReader(AccessTokenHandler handler) => this.handler = handler;

    /// <summary>Checks form, key, signature, issuer and audience, but neither expiry nor revocation.</summary>
    /// <param name="token">Any text.</param>
    /// <returns>The token's claims, or null if the token is not the issuer's.</returns>
    /// <exception cref="Exception">
    /// The keys are unavailable, so the token cannot be checked right now. Unhandled, the exception becomes a 503 answer.
    /// </exception>
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
