using AuthMesh.Errors;
using AuthMesh.Keys;
using AuthMesh.Settings;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tokens;

/// <summary>Validates an access token (RFC 9068 §4): its form, then the key it names, then signature, issuer, audience and lifetime.</summary>
internal sealed partial class AccessTokenHandler(
    IVerificationKeys keys, IOptions<AuthMeshOptions> options, TimeProvider clock, ILogger<AccessTokenHandler> logger) : JsonWebTokenHandler
{
    public override async Task<TokenValidationResult> ValidateTokenAsync(string token, TokenValidationParameters validationParameters)
    {
        if (TokenShape.FindFault(token, clock, options.Value.ClockSkew, out var keyId) is { } fault)
        {
            return Refuse(TokenRefusal.Invalid(fault));
        }

        var lookup = await keys.FindAsync(keyId, CancellationToken.None); // bounded by the timeout of the fetch
        if (lookup.Key is null)
        {
            return Refuse(lookup.IsUnavailable ? TokenRefusal.KeysUnavailable() : TokenRefusal.Invalid("signed by a key that is not the issuer's"));
        }

        var parameters = validationParameters.Clone();
        parameters.IssuerSigningKey = lookup.Key;
        var result = await base.ValidateTokenAsync(token, parameters);
        // The library's texts quote the token; the type of its exception says enough.
        return result.IsValid ? result : Refuse(TokenRefusal.Invalid(result.Exception?.GetType().Name ?? "not valid"));
    }

    private TokenValidationResult Refuse(TokenRefusal refusal)
    {
        LogRefused(refusal.Message);
        return new TokenValidationResult { IsValid = false, Exception = refusal };
    }

    [LoggerMessage(LogLevel.Information, "Access token refused: {Reason}")]
    private partial void LogRefused(string reason);
}

/// <summary>Carries the answer for a refused token through the authentication middleware, which passes on exceptions only.</summary>
internal sealed class TokenRefusal : Exception
{
    private TokenRefusal(Failure failure, string reason)
        : base(reason) => Failure = failure;

    public Failure Failure { get; }

    public static TokenRefusal Missing() => new(new Failure(401, "missing_token", "Missing or invalid token"), "missing");

    public static TokenRefusal Invalid(string reason) => new(CommonFailures.InvalidToken(), reason);

    /// <summary>RFC 6750 §2 and §3.1: more than one method or occurrence of a token is a malformed request.</summary>
    public static TokenRefusal Doubled() =>
        new(CommonFailures.InvalidRequest("More than one Authorization header"), "more than one Authorization header");

    public static TokenRefusal KeysUnavailable() =>
        new(CommonFailures.Unavailable("keys_unavailable", "Tokens cannot be checked right now"), "the issuer's keys cannot be had");
}
