using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Tokens;

/// <summary>Reads access tokens where the authentication of requests does not fit.</summary>
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
    public async Task<ClaimsPrincipal?> ReadIgnoringExpiryAsync(string token) =>
        await VerifyAsync(token, anyAudience: false) is { } verified ? new ClaimsPrincipal(verified.CreateIdentity()) : null;

    /// <summary>The same, but for tokens of any audience.</summary>
    internal async Task<ReadToken?> ReadOfAnyAudienceAsync(string token) =>
        await VerifyAsync(token, anyAudience: true) is { } verified
            ? new ReadToken(new ClaimsPrincipal(verified.CreateIdentity()), () => handler.FindFault(verified))
            : null;

    private async Task<VerifiedToken?> VerifyAsync(string token, bool anyAudience)
    {
        var (verified, refusal) = await handler.VerifyAsync(token, anyAudience);
        return refusal is { Failure.Status: StatusCodes.Status503ServiceUnavailable } ? throw refusal : verified;
    }
}

/// <summary>A token that the issuer signed.</summary>
/// <param name="Claims">Its claims.</param>
/// <param name="FindFault">Finds out why it is expired or revoked at this moment, or null.</param>
internal sealed record ReadToken(ClaimsPrincipal Claims, Func<TokenRefusal?> FindFault)
{
    /// <summary>Whether it is valid at this moment.</summary>
    /// <exception cref="Exception">Revocations cannot be checked right now. Unhandled, the exception becomes a 503 answer.</exception>
    public bool IsLive() => FindFault() is not { } fault
        || (fault.Failure.Status == StatusCodes.Status503ServiceUnavailable ? throw fault : false);
}
