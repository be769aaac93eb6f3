using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Issuer;

namespace AuthMesh.Gateway.Sessions;

/// <param name="Audience">Not sent for the mesh's own. An identity service that does not know it refuses the request.</param>
internal sealed record ExchangeRequest(string Cookie, string? Audience);

/// <param name="Audience">As above.</param>
internal sealed record KeyExchangeRequest(string Key, string? Audience);

/// <summary>The token, or an error code.</summary>
internal sealed record ExchangeAnswer(string? Token, string? Code);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ExchangeRequest))]
[JsonSerializable(typeof(KeyExchangeRequest))]
[JsonSerializable(typeof(ExchangeAnswer))]
internal sealed partial class GatewayJson : JsonSerializerContext;

/// <summary>The result of an exchange: a token, or a failure for the answer.</summary>
internal readonly record struct Exchanged(SessionToken? Token, Failure? Failure = null)
{
    /// <summary>
    /// The credential has no live session and never will. The gateway does not clear a cookie, so a caller refused by mistake stays signed
    /// in.
    /// </summary>
    public static Exchanged Refused { get; } = new(null, CommonFailures.InvalidToken());

    public static Exchanged Unavailable { get; } =
        new(null, CommonFailures.Unavailable("sessions_unavailable", "Sessions cannot be checked right now"));
}

/// <summary>Asks the identity service for the access token that belongs to a session cookie or a key.</summary>
internal sealed partial class ExchangeClient(IssuerConnection issuer, TimeProvider clock, ILogger<ExchangeClient> logger)
{
    private string? lastFault;

    public async Task<Exchanged> RunAsync(Credential credential)
    {
        try
        {
            // Not canceled when a caller leaves, because others may wait for the same answer. The connection bounds its time.
            using var response = await issuer.SendAsync(credential.ToExchange, CancellationToken.None);
            var answer = JsonSerializer.Deserialize(await response.Content.ReadAsByteArrayAsync(), GatewayJson.Default.ExchangeAnswer);
            switch (response.StatusCode)
            {
                case HttpStatusCode.OK when answer?.Token is { } text && SessionToken.TryRead(text, clock.GetUtcNow()) is { } token:
                    lastFault = null;
                    return new Exchanged(token);
                case HttpStatusCode.Unauthorized when answer?.Code == credential.RefusalCode:
                    lastFault = null;
                    return Exchanged.Refused;
                default:
                    return Unavailable($"it answered {(int)response.StatusCode} {answer?.Code}");
            }
        }
        catch (HttpRequestException exception)
        {
            return Unavailable(exception.Message);
        }
        catch (JsonException)
        {
            return Unavailable("its answer is not JSON"); // the parser's message may quote a token
        }
    }

    private Exchanged Unavailable(string fault)
    {
        if (lastFault != fault) // logs each reason once, even if it lasts
        {
            lastFault = fault;
            LogUnavailable(fault);
        }

        return Exchanged.Unavailable;
    }

    [LoggerMessage(LogLevel.Warning, "Cannot exchange session cookies and keys at the identity service: {Reason}")]
    private partial void LogUnavailable(string reason);
}
