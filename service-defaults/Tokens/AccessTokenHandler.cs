using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Errors;
using AuthMesh.Keys;
using AuthMesh.Revocations;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tokens;

/// <summary>
/// Validates an access token (RFC 9068 §4): first its form, then the key it names, then signature, issuer and audience. It caches that
/// result, and checks expiry and revocation for every request.
/// </summary>
internal sealed partial class AccessTokenHandler(
    IVerificationKeys keys, VerifiedTokens verifiedTokens, WantedAudiences audiences, RevokedAccess revoked,
    IOptions<AuthMeshOptions> options, TimeProvider clock, TokenMetrics metrics, ILogger<AccessTokenHandler> logger) : TokenHandler
{
    private const string Scheme = "Bearer "; // RFC 6750 §2.1
    private const string WrongIssuerOrAudience = "from another issuer or for another audience";

    /// <summary>
    /// Accepts a token for any endpoint of this program. The audience that the request's endpoint wants is checked next, by
    /// <see cref="FindAudienceFault"/>.
    /// </summary>
    public override async Task<TokenValidationResult> ValidateTokenAsync(string token, TokenValidationParameters validationParameters)
    {
        // 1. Read the claims, and verify that a key of the issuer signed them.
        var verified = Recall(token);
        var isNew = verified is null;
        if (verified is null)
        {
            (verified, var refusal) = await VerifyAsync(token);
            if (verified is null)
            {
                return Refuse(refusal!);
            }
        }

        // 2. Check expiry and revocation.
        if (FindFault(verified) is { } fault)
        {
            return Refuse(fault);
        }

        // 3. Cache only a token that passed every check.
        if (isNew)
        {
            verifiedTokens.Add(TokenDigest.Of(token), verified);
            metrics.CountVerified();
        }
        else
        {
            metrics.CountRemembered();
        }

        return new TokenValidationResult { IsValid = true, SecurityToken = verified, ClaimsIdentity = verified.CreateIdentity() };
    }

    /// <summary>
    /// Finds the cached token of a request that passes every check right now. Null says nothing about the token: validate it.
    /// </summary>
    /// <param name="authorization">The header Authorization.</param>
    /// <param name="audience">The audience that the endpoint wants. Another endpoint may have cached the token.</param>
    public VerifiedToken? FindValid(StringValues authorization, string audience) =>
        // The form in which JwtBearer takes a token from the header, without a copy of its text.
        authorization is [{ } header] && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
        && Recall(header.AsSpan(Scheme.Length).Trim()) is { } token && token.Audience == audience && FindFault(token) is null
            ? token
            : null;

    /// <summary>Refuses a token that is good at another endpoint of this program.</summary>
    public TokenRefusal? FindAudienceFault(VerifiedToken token, Endpoint? endpoint)
    {
        if (token.Audience == audiences.Of(endpoint))
        {
            return null;
        }

        var refusal = TokenRefusal.Invalid(WrongIssuerOrAudience);
        Note(refusal);
        return refusal;
    }

    /// <summary>
    /// Counts the token of a request that is authenticated without
    /// <see cref="ValidateTokenAsync(string, TokenValidationParameters)"/>.
    /// </summary>
    public void CountRemembered() => metrics.CountRemembered();

    /// <summary>
    /// Returns the cached token if its key is still held. If the key is gone or was replaced, the token is verified again like any other.
    /// </summary>
    private VerifiedToken? Recall(ReadOnlySpan<char> text) =>
        text.Length <= TokenShape.MaximumLength && verifiedTokens.Find(TokenDigest.Of(text)) is { } token
        && keys.Find(token.Key.KeyId) == token.Key
            ? token
            : null;

    /// <summary>
    /// Checks form, key, signature, issuer and audience: whether the token is the issuer's and for an endpoint of this program, not whether
    /// it is still valid.
    /// </summary>
    internal async Task<(VerifiedToken? Token, TokenRefusal? Refusal)> VerifyAsync(string token, bool anyAudience = false)
    {
        if (TokenShape.FindFault(token, out var keyId, out var content) is { } fault)
        {
            return (null, TokenRefusal.Invalid(fault));
        }

        var lookup = await keys.FindAsync(keyId, CancellationToken.None); // bounded by the timeout of the fetch
        if (lookup.Key is not { } key)
        {
            return (null,
                lookup.IsUnavailable ? TokenRefusal.KeysUnavailable() : TokenRefusal.Invalid("signed by a key that is not the issuer's"));
        }

        var mesh = options.Value;
        var isSigned = IsSignedBy(key.ECDsa, token);
        if (!isSigned || content.Issuer != mesh.Issuer || !(anyAudience || audiences.Include(content.Audience!)))
        {
            return (null, TokenRefusal.Invalid(!isSigned ? "the signature does not match" : WrongIssuerOrAudience));
        }

        return (new VerifiedToken(content, key, mesh), null);
    }

    // All requests share the key: verifying changes nothing in it.
    private static bool IsSignedBy(ECDsa key, string token)
    {
        Span<byte> signed = stackalloc byte[TokenShape.MaximumLength], signature = stackalloc byte[TokenShape.SignatureBytes];
        var end = token.LastIndexOf('.');
        var length = Encoding.ASCII.GetBytes(token.AsSpan(0, end), signed);
        Base64Url.DecodeFromChars(token.AsSpan(end + 1), signature);
        return key.VerifyData(signed[..length], signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    /// <summary>
    /// Checks everything that can end a correctly signed token, or delay its start. Every token passes through here for every request,
    /// cached or not. A cached token would escape a check in any other place.
    /// </summary>
    internal TokenRefusal? FindFault(VerifiedToken token)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var skew = options.Value.ClockSkew;
        return token.ValidTo <= now - skew ? TokenRefusal.Invalid("expired")
            : token.ValidFrom > now + skew ? TokenRefusal.Invalid("not valid yet")
            : !revoked.CanJudge ? TokenRefusal.RevocationsUnavailable()
            : IsRevoked(token) ? TokenRefusal.Invalid("revoked")
            : null;
    }

    private bool IsRevoked(VerifiedToken token) => revoked.Covers(
        token.SessionId, token.Subject, token.Epoch, token.Key.KeyId, token.Application, token.ClientEpoch);

    private TokenValidationResult Refuse(TokenRefusal refusal)
    {
        Note(refusal);
        return new TokenValidationResult { IsValid = false, Exception = refusal };
    }

    private void Note(TokenRefusal refusal)
    {
        metrics.CountRefused();
        LogRefused(refusal.Message);
    }

    [LoggerMessage(LogLevel.Information, "Access token refused: {Reason}")]
    private partial void LogRefused(string reason);
}

/// <summary>Carries the answer for a refused token through the authentication middleware, which passes on exceptions only.</summary>
internal sealed class TokenRefusal : Exception
{
    public static readonly FailureRule Rule = new(exception => (exception as TokenRefusal)?.Failure);

    private TokenRefusal(Failure failure, string reason)
        : base(reason) => Failure = failure;

    public Failure Failure { get; }

    public static TokenRefusal Missing() => new(new Failure(401, "missing_token", "Missing or invalid token"), "missing");

    public static TokenRefusal Invalid(string reason) => new(CommonFailures.InvalidToken(), reason);

    /// <summary>RFC 6750 §2 and §3.1: more than one method or occurrence of a token is a malformed request.</summary>
    public static TokenRefusal Doubled() =>
        new(CommonFailures.InvalidRequest("More than one Authorization header"), "more than one Authorization header");

    public static TokenRefusal RevocationsUnavailable() => new(
        CommonFailures.Unavailable("revocations_unavailable", "Tokens cannot be checked right now"),
        "revocations may be missing here");

    public static TokenRefusal KeysUnavailable() =>
        new(CommonFailures.Unavailable("keys_unavailable", "Tokens cannot be checked right now"), "the issuer's keys are unavailable");
}
