using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>An assertion that counts, once.</summary>
/// <param name="Client">The application that signed it.</param>
/// <param name="Key">The key with which it did.</param>
internal sealed record VerifiedAssertion(Client Client, ClientKey Key);

/// <summary>
/// Authenticates an application by a JWT that it signed (RFC 7523 §3; OpenID Connect Core 1.0 §9, <c>private_key_jwt</c>). Its only
/// audience is the issuer: for any other, a server that the application also knows could pass the JWT on.
/// </summary>
internal sealed partial class ClientAssertions(
    Clients clients, Primary database, TimeProvider clock, IOptions<AuthMeshOptions> mesh, ILogger<ClientAssertions> logger)
{
    /// <summary>The only <c>client_assertion_type</c> (RFC 7523 §2.2).</summary>
    public const string Type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    // A JWT that says what else it is, is none.
    private static readonly string[] Types = ["JWT", "client-authentication+jwt"];

    private static readonly TimeSpan LongestLife = TimeSpan.FromMinutes(5), Skew = TimeSpan.FromSeconds(30);

    private static readonly JsonWebTokenHandler Handler = new() { MapInboundClaims = false };

    // Somebody else's key may have the same kid, and a cached verifier would outlive the key's removal.
    private static readonly CryptoProviderFactory Uncached = new() { CacheSignatureProviders = false };

    // One statement decides, on all replicas: the assertion counts if this is its first use, and if the application is still enabled and
    // has the key. A row stays until no clock accepts the assertion any more.
    private const string Use =
        """
        INSERT INTO used_assertions (application_id, id_hash, expires_at)
        SELECT a.id, @id_hash, @expires_at FROM applications a
        WHERE a.id = @application AND a.disabled_at IS NULL AND a.jwks @> @key FOR KEY SHARE
        ON CONFLICT DO NOTHING
        RETURNING application_id::text
        """;

    /// <param name="text">The parameter <c>client_assertion</c>.</param>
    /// <param name="clientId">The parameter <c>client_id</c>, which must be the same application (RFC 7521 §4.2); null without one.</param>
    /// <param name="cancellationToken">Cancels the statements.</param>
    /// <returns>The application; null if the assertion does not count.</returns>
    public async Task<VerifiedAssertion?> VerifyAsync(string text, string? clientId, CancellationToken cancellationToken)
    {
        // 1. Read it, without any trust.
        using var assertion = Assertion.TryRead(text);
        if (assertion?.Text("sub") is not { } subject || (clientId is not null && clientId != subject)
            || await clients.FindWithKeysAsync(subject, cancellationToken) is not var (client, keys))
        {
            return null; // nobody that the log could name
        }

        // 2. Check it. Anybody could have written it, so nothing is stored before the signature is verified.
        if (keys.Find(assertion.KeyId) is not { } key || !key.Algorithms.Contains(assertion.Algorithm))
        {
            LogRefused(client.Id, "its kid names no key of the application, or alg does not fit the key");
            return null;
        }

        if (FindFault(assertion, client, clock.GetUtcNow()) is { } fault)
        {
            LogRefused(client.Id, fault);
            return null;
        }

        if (!await IsSignedAsync(text, key, assertion.Algorithm))
        {
            LogRefused(client.Id, "the signature is wrong");
            return null;
        }

        // 3. Use it.
        await using var command = database.CreateCommand(Use);
        command.Parameters.AddRange((NpgsqlParameter[])
        [
            new("application", client.Id), ClientKeySet.ParameterOf(key),
            new("id_hash", SHA256.HashData(Encoding.UTF8.GetBytes(assertion.Text("jti")!))),
            new("expires_at", DateTimeOffset.FromUnixTimeSeconds((long)assertion.Time("exp")!) + Skew),
        ]);
        if (await command.ReadCommittedRowAsync(row => row.GetString(0), cancellationToken) is null)
        {
            LogRefused(client.Id, "its jti was used before, or the application has just changed");
            return null;
        }

        return new VerifiedAssertion(client, key);
    }

    private string? FindFault(Assertion assertion, Client client, DateTimeOffset now)
    {
        var (latest, seconds) = ((now + Skew).ToUnixTimeSeconds(), (now - Skew).ToUnixTimeSeconds());
        return assertion.Text("iss") != client.ClientId ? "iss must be the client_id, as sub is"
            : assertion.Text("aud") != mesh.Value.Issuer ? "aud must be the issuer, as a string"
            : assertion.Time("exp") is not { } expiry ? "exp is required"
            : expiry <= seconds ? "it has expired"
            : expiry > latest + LongestLife.TotalSeconds ? "exp is more than 5 minutes ahead"
            : assertion.Has("iat") && !(assertion.Time("iat") <= latest) ? "iat is in the future"
            : assertion.Has("nbf") && !(assertion.Time("nbf") <= latest) ? "nbf is in the future"
            : assertion.Text("jti") is not { Length: > 0 } ? "jti is required"
            : null;
    }

    private static async Task<bool> IsSignedAsync(string text, ClientKey key, string algorithm) =>
        (await Handler.ValidateTokenAsync(text, new TokenValidationParameters
        {
            IssuerSigningKey = key.ToSecurityKey(),
            ValidAlgorithms = [algorithm],
            CryptoProviderFactory = Uncached,
            ValidateIssuer = false, // FindFault has checked the claims
            ValidateAudience = false,
            ValidateLifetime = false,
        })).IsValid;

    [LoggerMessage(LogLevel.Information, "Client assertion of application {ApplicationId} refused: {Reason}")]
    private partial void LogRefused(Guid applicationId, string reason);

    /// <summary>The header and the claims of a JWT, as they are written.</summary>
    private sealed class Assertion(string keyId, string algorithm, JsonDocument claims) : IDisposable
    {
        public string KeyId => keyId;

        public string Algorithm => algorithm;

        /// <returns>The JWT; null unless it has three parts, with two JSON objects, and names a key.</returns>
        public static Assertion? TryRead(string text)
        {
            if (text.Split('.') is not [var header, var payload, _] || TokenShape.Decode(header) is not { } headerJson
                || TokenShape.Decode(payload) is not { } payloadJson)
            {
                return null;
            }

            using var members = TokenShape.ReadObject(headerJson);
            // An extension that a header names as critical is one that nobody here knows (RFC 7515 §4.1.11).
            return members is not null && !members.RootElement.TryGetProperty("crit", out _)
                && (!members.RootElement.TryGetProperty("typ", out var type)
                    || Types.Contains(AccessTokenClaim.ReadText(type), StringComparer.OrdinalIgnoreCase))
                && TextOf(members, "kid") is { } keyId && TextOf(members, "alg") is { } algorithm
                && TokenShape.ReadObject(payloadJson) is { } claims
                    ? new Assertion(keyId, algorithm, claims)
                    : null;
        }

        public bool Has(string claim) => claims.RootElement.TryGetProperty(claim, out _);

        public string? Text(string claim) => TextOf(claims, claim);

        /// <returns>A NumericDate (RFC 7519 §2), which may have a fraction; null if the claim is no number.</returns>
        public double? Time(string claim) =>
            claims.RootElement.TryGetProperty(claim, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

        public void Dispose() => claims.Dispose();

        // PostgreSQL stores no U+0000.
        private static string? TextOf(JsonDocument members, string name) =>
            members.RootElement.TryGetProperty(name, out var value) && AccessTokenClaim.ReadText(value) is { } text
            && !text.Contains('\0', StringComparison.Ordinal) ? text : null;
    }
}
