using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthMesh.Access;
using AuthMesh.Issuer;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Services;

/// <summary>The answer of the token endpoint (RFC 6749 §5.1 and §5.2).</summary>
internal sealed record TokenAnswer(string? AccessToken, int ExpiresIn, string? Error, string? ErrorDescription);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TokenAnswer))]
internal sealed partial class ServiceJson : JsonSerializerContext;

/// <summary>The tokens that this service gets in its own name (RFC 6749 §4.4), one for each set of scopes. They stay in memory.</summary>
internal sealed class ServiceTokens(IssuerConnection issuer, IOptions<AuthMeshOptions> mesh, TimeProvider clock)
{
    private readonly ConcurrentDictionary<string, ServiceToken> tokens = new(StringComparer.Ordinal);

    /// <param name="scopes">With spaces between them.</param>
    public ServiceToken For(string scopes) => tokens.GetOrAdd(scopes, _ => new ServiceToken(() => AskAsync(scopes), clock));

    private async Task<TokenAnswer> AskAsync(string scopes)
    {
        var client = mesh.Value.Client;
        var failure = $"The identity service gives application {client.Id} no token: ";
        try
        {
            var secret = Secret.Read(client.Secret, client.SecretFile);

            // Not canceled when a caller leaves, because others may wait for the same answer. The connection bounds its time.
            using var response = await issuer.SendAsync(
                () => new HttpRequestMessage(HttpMethod.Post, new Uri("/token", UriKind.Relative))
                {
                    Content = new FormUrlEncodedContent(
                    [
                        new("grant_type", "client_credentials"), new("client_id", client.Id), new("client_secret", secret),
                        new("scope", scopes),
                    ]),
                },
                CancellationToken.None);
            var answer = JsonSerializer.Deserialize(await response.Content.ReadAsByteArrayAsync(), ServiceJson.Default.TokenAnswer);
            return response.StatusCode == HttpStatusCode.OK && answer is { AccessToken: not null, ExpiresIn: > 0 }
                ? answer
                : throw new HttpRequestException(failure + (answer?.ErrorDescription ?? $"status {(int)response.StatusCode}"));
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new HttpRequestException(failure + exception.Message, exception);
        }
    }
}

/// <summary>
/// One token. From two thirds of its life on, it is renewed in the background, and it serves until it expires. One request at a time gets
/// another one for all callers.
/// </summary>
internal sealed class ServiceToken(Func<Task<TokenAnswer>> askAsync, TimeProvider clock)
{
    // A service that refuses every token must not cause a new one for each call, and one that cannot be had is not asked for by each.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private Held? held;
    private Task<Held>? renewal; // under way
    private long? failedAt;

    /// <param name="refused">A token that a service has refused. Another one follows, unless that one is new. Null for any token.</param>
    /// <param name="cancellationToken">Ends the wait of this caller.</param>
    /// <exception cref="HttpRequestException">The identity service gives none, and no earlier one is left.</exception>
    public async Task<string> FindAsync(string? refused, CancellationToken cancellationToken)
    {
        Task<Held> wanted;
        lock (gate)
        {
            var age = held is null ? TimeSpan.MaxValue : clock.GetElapsedTime(held.At);
            var isUsable = held is not null && age < held.Life && (held.Value != refused || age < Pause);
            var isDue = !isUsable || age >= held!.Life * 2 / 3;
            if (isDue && renewal is null && (!isUsable || failedAt is not { } at || clock.GetElapsedTime(at) >= Pause))
            {
                renewal = Task.Run(RenewAsync, CancellationToken.None); // .NET ignores a fault that nobody waits for
            }

            if (isUsable)
            {
                return held!.Value;
            }

            wanted = renewal!;
        }

        return (await wanted.WaitAsync(cancellationToken)).Value;
    }

    private async Task<Held> RenewAsync()
    {
        var at = clock.GetTimestamp();
        try
        {
            var answer = await askAsync();
            var renewed = new Held(answer.AccessToken!, at, TimeSpan.FromSeconds(answer.ExpiresIn));
            lock (gate)
            {
                (held, renewal, failedAt) = (renewed, null, null);
            }

            return renewed;
        }
        catch
        {
            lock (gate)
            {
                (renewal, failedAt) = (null, at);
            }

            throw;
        }
    }

    private sealed record Held(string Value, long At, TimeSpan Life);
}
